import pytest

from tailrace_local.sagemaker import ApiError
from tailrace_local.sagemaker.control.properties import refuse_unknown


def test_a_misspelt_property_is_refused_and_cloudformations_own_are_not() -> None:
    refuse_unknown("Endpoint", {"EndpointConfigName": "c", "RetainAllVariantProperties": True})
    with pytest.raises(ApiError, match=r"extraneous key \[EndpointConfig\]"):
        refuse_unknown("Endpoint", {"EndpointConfig": "c"})
