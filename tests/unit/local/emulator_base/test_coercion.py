from typing import Any

import pytest

from tailrace_local.emulator_base.coercion import coerce_properties, pick_members


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"InitialInstanceCount": "2"}, {"InitialInstanceCount": 2}),
        ({"InitialVariantWeight": "0.5"}, {"InitialVariantWeight": 0.5}),
        ({"EnableSSMAccess": "true"}, {"EnableSSMAccess": True}),
        ({"VariantName": 12}, {"VariantName": "12"}),
        ({"InitialInstanceCount": "two"}, {"InitialInstanceCount": "two"}),
    ],
)
def test_values_take_the_type_of_the_apis_shape(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert coerce_properties("CreateEndpointConfig", {"ProductionVariants": [given]}, service="sagemaker") == {
        "ProductionVariants": [wanted]
    }


def test_an_environment_is_text() -> None:
    given = {"PrimaryContainer": {"Environment": {"N": 1, "FLAG": True}}}
    assert coerce_properties("CreateModel", given, service="sagemaker") == {
        "PrimaryContainer": {"Environment": {"N": "1", "FLAG": "true"}}
    }


def test_an_operation_gets_only_what_it_takes() -> None:
    given = {"EndpointName": "e", "EndpointConfigName": "c", "RetainAllVariantProperties": True, "Tags": []}
    assert set(pick_members("UpdateEndpoint", given, service="sagemaker")) == {
        "EndpointName", "EndpointConfigName", "RetainAllVariantProperties",
    }  # fmt: skip
    assert set(pick_members("CreateEndpoint", given, service="sagemaker")) == {
        "EndpointName",
        "EndpointConfigName",
        "Tags",
    }
