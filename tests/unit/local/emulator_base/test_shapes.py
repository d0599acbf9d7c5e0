from typing import Any

import pytest

from tailrace_local.emulator_base.shapes import compile_pattern, service_model, validate
from tailrace_local.sagemaker import ApiError


def _config(**changes: Any) -> dict[str, Any]:
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    return {"EndpointConfigName": "c", "ProductionVariants": [variant], **changes}


def _asynchronous(**changes: Any) -> dict[str, Any]:
    output = {"S3OutputPath": "s3://bucket/out", **changes}
    return _config(AsyncInferenceConfig={"OutputConfig": output})


def test_a_good_request_passes_unchanged_and_unknown_members_are_dropped() -> None:
    assert validate("CreateEndpointConfig", {**_asynchronous(), "Stranger": 1}) == _asynchronous()


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        ({"ProductionVariants": []}, "Value null at 'endpointConfigName' failed to satisfy constraint: Member must"),
        (_config(EndpointConfigName="-x"), "Value '-x' at 'endpointConfigName' failed to satisfy"),
        (_config(EndpointConfigName="x" * 64), "Member must have length less than or equal to 63"),
        (_config(ProductionVariants=[]), "at 'productionVariants' failed to satisfy constraint: Member must have"),
        (
            _config(ProductionVariants=[{"VariantName": "v", "InstanceType": "abacus"}]),
            "productionVariants.1.member.instanceType",
        ),
        (_asynchronous(S3OutputPath="bucket/out"), "asyncInferenceConfig.outputConfig.s3OutputPath"),
        (_asynchronous(NotificationConfig={"SuccessTopic": "t"}), "outputConfig.notificationConfig.successTopic"),
        (_asynchronous(NotificationConfig={"IncludeInferenceResponseIn": ["BOTH"]}), "SUCCESS_NOTIFICATION_TOPIC"),
        (_asynchronous(KmsKeyId="no key!"), "outputConfig.kmsKeyId"),
    ],
)  # fmt: skip
def test_a_fault_is_a_validation_exception_that_names_the_place(request_: dict[str, Any], fault: str) -> None:
    with pytest.raises(ApiError) as refused:
        validate("CreateEndpointConfig", request_)
    assert refused.value.code == "ValidationException"
    assert fault in refused.value.message


@pytest.mark.parametrize("value", [0, 1001])
def test_concurrency_is_between_1_and_1000(value: int) -> None:
    request = _asynchronous()
    request["AsyncInferenceConfig"]["ClientConfig"] = {"MaxConcurrentInvocationsPerInstance": value}
    with pytest.raises(ApiError, match="maxConcurrentInvocationsPerInstance"):
        validate("CreateEndpointConfig", request)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ApiError, match=r"^2 validation errors detected: .*; .*"):
        validate("CreateEndpoint", {})


@pytest.mark.parametrize("value", [1, True, ["x"], {}])
def test_a_wrong_type_is_a_serialization_exception(value: Any) -> None:
    with pytest.raises(ApiError) as refused:
        validate("DescribeEndpoint", {"EndpointName": value})
    assert refused.value.code == "SerializationException"


@pytest.mark.parametrize("service", ["sagemaker", "sagemaker-runtime"])
def test_every_pattern_of_the_model_is_enforced_but_those_python_cannot_express(service: str) -> None:
    model = service_model(service)
    found = [model.shape_for(name).metadata for name in model.shape_names]
    patterns: set[str] = {metadata["pattern"] for metadata in found if "pattern" in metadata}
    ignored = {pattern for pattern in patterns if compile_pattern(pattern).pattern == ".*" and pattern != ".*"}
    # Surrogates, and a quantifier after an anchor: AWS's own slips.
    assert all(r"\uDBFF" in pattern or "${1," in pattern for pattern in ignored)
    assert len(ignored) <= 3


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"\p{ASCII}*", "a-~", "ä"),
        (r"\A\S[\p{Print}]*\z", "job.0.5.1", "a\tb"),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Größe 1=ok", "a!b"),
        ("(https|s3)://([^/])/?(.*)", "s3://bucket/a b", "s3:///key"),
    ],
)
def test_java_patterns_mean_the_same_in_python(pattern: str, good: str, bad: str) -> None:
    assert compile_pattern(pattern).fullmatch(good)
    assert not compile_pattern(pattern).fullmatch(bad)
