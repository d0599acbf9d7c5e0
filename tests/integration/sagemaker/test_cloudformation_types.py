from collections.abc import Callable
from typing import Any

import pytest

from tailrace_local.sagemaker import EmulatorError, ResourceHandlers

from .cloud import IMAGE, ROLE, Lab
from .conftest import MakeLab

MODEL, CONFIG, ENDPOINT = (f"AWS::SageMaker::{kind}" for kind in ("Model", "EndpointConfig", "Endpoint"))
Properties = dict[str, Any]


@pytest.fixture
def types(lab: Lab) -> dict[str, ResourceHandlers]:
    return lab.running.emulator.cloudformation_handlers()


def _model(**environment: Any) -> Properties:
    return {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE, "Environment": environment}}


def _config(lab: Lab, model: str) -> Properties:
    # Numbers as text, as templates have them.
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": "1",
    }
    asynchronous = lab.async_config()
    asynchronous["ClientConfig"] = {"MaxConcurrentInvocationsPerInstance": "3"}
    return {"ProductionVariants": [variant], "AsyncInferenceConfig": asynchronous}


@pytest.fixture
def deploy(lab: Lab, types: dict[str, ResourceHandlers]) -> Callable[[Properties], tuple[str, str]]:
    def make(model: Properties) -> tuple[str, str]:
        _, named = types[MODEL].create("Model", model, "stack")
        _, config = types[CONFIG].create("Config", _config(lab, named["ModelName"]), "stack")
        return named["ModelName"], config["EndpointConfigName"]

    return make


def test_a_stack_of_model_config_and_endpoint_is_in_service_when_create_returns(
    lab: Lab, types: dict[str, ResourceHandlers], deploy: Callable[[Properties], tuple[str, str]]
) -> None:
    _, config = deploy(_model(WEIGHT=7))
    arn, attributes = types[ENDPOINT].create("Endpoint", {"EndpointConfigName": config}, "stack")
    name = attributes["EndpointName"]
    assert arn.endswith(f":endpoint/{name}")
    assert name.startswith("Endpoint-")
    assert lab.sm.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    answer = lab.invoke(name, lab.put("2\n"))
    lab.success.next()
    assert lab.read(answer["OutputLocation"])[0] == "14\n"


def test_another_config_updates_the_endpoint_in_place(
    lab: Lab, types: dict[str, ResourceHandlers], deploy: Callable[[Properties], tuple[str, str]]
) -> None:
    old, new = ({"EndpointConfigName": deploy(_model(WEIGHT=weight))[1]} for weight in ("2", "9"))
    arn, attributes = types[ENDPOINT].create("Endpoint", old, "stack")
    assert types[ENDPOINT].update(arn, old, new, "stack") == (arn, attributes)
    answer = lab.invoke(attributes["EndpointName"], lab.put("1\n"))
    lab.success.next()
    assert lab.read(answer["OutputLocation"])[0] == "9\n"


def test_a_changed_model_is_another_model_and_changed_tags_are_not(
    types: dict[str, ResourceHandlers], lab: Lab
) -> None:
    first, _ = types[MODEL].create("Model", _model(A="1"), "stack")
    second, attributes = types[MODEL].update(first, _model(A="1"), _model(A="2"), "stack")
    assert second != first
    assert attributes["ModelName"].startswith("Model-")
    tagged = {**_model(A="2"), "Tags": [{"Key": "team", "Value": "x"}]}
    assert types[MODEL].update(second, _model(A="2"), tagged, "stack") == (second, attributes)
    assert lab.sm.list_tags(ResourceArn=second)["Tags"] == tagged["Tags"]


def test_a_custom_named_model_refuses_replacement(types: dict[str, ResourceHandlers]) -> None:
    old, new = ({**_model(A=value), "ModelName": "mine"} for value in "12")
    arn, _ = types[MODEL].create("Model", old, "stack")
    with pytest.raises(EmulatorError, match="custom-named resource requires replacing"):
        types[MODEL].update(arn, old, new, "stack")


def test_an_unknown_property_is_refused(types: dict[str, ResourceHandlers]) -> None:
    with pytest.raises(EmulatorError, match=r"extraneous key \[Modelname\]"):
        types[MODEL].create("Model", {**_model(), "Modelname": "x"}, "stack")


def test_deletion_waits_until_it_is_gone_and_may_be_repeated(
    lab: Lab, types: dict[str, ResourceHandlers], deploy: Callable[[Properties], tuple[str, str]]
) -> None:
    arn, _ = types[ENDPOINT].create("Endpoint", {"EndpointConfigName": deploy(_model())[1]}, "stack")
    types[ENDPOINT].delete(arn, {})
    types[ENDPOINT].delete(arn, {})
    assert lab.sm.list_endpoints()["Endpoints"] == []
    assert list((lab.running.settings.state_dir / "processes").iterdir()) == []


def test_an_endpoint_that_fails_raises_the_reason_and_leaves_nothing(make_lab: MakeLab) -> None:
    lab = make_lab(startup_timeout_s=0.5)
    types = lab.running.emulator.cloudformation_handlers()
    config = lab.config(lab.model(SICK="1"), asynchronous=lab.async_config())
    with pytest.raises(EmulatorError, match="did not pass the ping health check"):
        types[ENDPOINT].create("Endpoint", {"EndpointConfigName": config}, "stack")
    assert lab.sm.list_endpoints()["Endpoints"] == []


def test_a_serverless_configuration_is_read_from_text_and_its_endpoint_needs_no_instance(
    lab: Lab, types: dict[str, ResourceHandlers]
) -> None:
    _, model = types[MODEL].create("Model", _model(), "stack")
    serverless = {"MemorySizeInMB": "3072", "MaxConcurrency": "2"}
    variant = {"VariantName": "AllTraffic", "ModelName": model["ModelName"], "ServerlessConfig": serverless}
    _, config = types[CONFIG].create("Config", {"ProductionVariants": [variant]}, "stack")
    _, endpoint = types[ENDPOINT].create("Endpoint", {"EndpointConfigName": config["EndpointConfigName"]}, "stack")
    (shown,) = lab.sm.describe_endpoint(EndpointName=endpoint["EndpointName"])["ProductionVariants"]
    assert shown["CurrentServerlessConfig"] == {"MemorySizeInMB": 3072, "MaxConcurrency": 2}
