import itertools

import pytest

from tailrace_local.sagemaker import ApiError
from tailrace_local.sagemaker.messages.invocations import Invocation, read_invocation
from tailrace_local.sagemaker.records import AsyncSettings

P = "x-amzn-sagemaker-"
INPUT = {f"{P}inputlocation": "s3://bucket/in put/1.csv"}


def read(
    headers: dict[str, str] | None = None, *, failure_path: str | None = "s3://b/failed", scale: float = 1.0
) -> Invocation:
    settings = AsyncSettings("s3://b/out/", failure_path, None, None, frozenset(), None, None)
    numbers = itertools.count(1)
    given = INPUT | {f"{P}{name.replace('_', '-')}": value for name, value in (headers or {}).items()}
    return read_invocation(
        "demand", given, settings, new_id=lambda: f"id-{next(numbers)}", now_s=1000.0, time_scale=scale
    )


def test_locations_are_named_by_an_id_of_the_services_own() -> None:
    found = read({"inference_id": "job.0.5.1"})
    assert found.inference_id == "job.0.5.1"
    assert found.output_location == "s3://b/out/id-1.out"
    assert found.failure_location == "s3://b/failed/id-1-error.out"


def test_without_an_inference_id_one_is_made_that_is_not_the_outputs() -> None:
    found = read()
    assert (found.id, found.inference_id) == ("id-1", "id-2")


def test_without_a_failure_path_there_is_no_failure_location() -> None:
    assert read(failure_path=None).failure_location is None


def test_the_defaults_are_six_hours_and_fifteen_minutes() -> None:
    found = read()
    assert (found.expires_s - found.received_s, found.timeout_s) == (21600, 900)


def test_times_are_scaled() -> None:
    found = read({"requestttlseconds": "60", "invocationtimeoutseconds": "100"}, scale=0.01)
    assert found.expires_s == pytest.approx(1000.6)
    assert found.timeout_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    "headers",
    [
        {"requestttlseconds": "59"},
        {"requestttlseconds": "21601"},
        {"requestttlseconds": "soon"},
        {"invocationtimeoutseconds": "0"},
        {"invocationtimeoutseconds": "3601"},
        {"inference_id": "x" * 65},
        {"inference_id": "tab\there"},
        {"inference_id": ""},
        {"inputlocation": "ftp://bucket/key"},
        {"inputlocation": "s3://b/" + "k" * 1018},
        {"custom_attributes": "ä"},
        {"custom_attributes": "x" * 1025},
        {"content_type": "x" * 1025},
    ],
)
def test_a_parameter_outside_its_limits_is_a_validation_error(headers: dict[str, str]) -> None:
    with pytest.raises(ApiError) as refused:
        read(headers)
    assert refused.value.code == "ValidationError"


@pytest.mark.parametrize(
    "headers",
    [
        {"requestttlseconds": "60"},
        {"requestttlseconds": "21600"},
        {"inference_id": "x" * 64},
        {"custom_attributes": "~" * 1024},
    ],
)
def test_the_limits_themselves_are_allowed(headers: dict[str, str]) -> None:
    assert read(headers).endpoint_name == "demand"
