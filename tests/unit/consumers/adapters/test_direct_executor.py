"""The functions' executor: direct where the environment suffices, else by botocore, with its retries."""

from __future__ import annotations

from typing import Any

import pytest

from tailrace_consumers.adapters import clients
from tailrace_consumers.adapters.direct_executor import STANDARD_RETRIES, TIMEOUTS, DirectExecutor
from tailrace_core.aws.calls import Call
from tailrace_core.aws.direct.caller import Target
from tailrace_core.aws.direct.requests import NotDirectError, OtherRegionError
from tailrace_core.errors import NotFoundError, TransientError

PLAIN = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-west-1"}
GET = Call("dynamodb", "get_item", {"TableName": "table", "Key": {}})


class Script:
    """Raises what it is told to raise, one call after the other, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.targets: list[str] = []

    def __call__(self, call: Call, target: Target) -> dict[str, Any]:
        self.targets.append(target.host)
        if self.errors:
            raise self.errors.pop(0)
        return {"by": "itself", "operation": call.operation}


def by_botocore(call: Call) -> dict[str, Any]:
    return {"by": "botocore", "operation": call.operation}


def test_a_call_is_direct_where_the_environment_says_it_all() -> None:
    script = Script()
    answer = DirectExecutor(PLAIN, call=script, by_botocore=by_botocore)(GET)
    assert (answer["by"], script.targets) == ("itself", ["dynamodb.eu-west-1.amazonaws.com"])
    assert DirectExecutor(PLAIN, call=script).is_direct(GET)


@pytest.mark.parametrize(
    ("environment", "call"),
    [
        (PLAIN | {"AWS_USE_FIPS_ENDPOINT": "true"}, GET),
        ({}, GET),
        (PLAIN, Call("s3", "create_multipart_upload", {"Bucket": "b", "Key": "k"})),
    ],
)
def test_any_other_call_is_botocores(environment: dict[str, str], call: Call) -> None:
    script = Script()
    assert DirectExecutor(environment, call=script, by_botocore=by_botocore)(call)["by"] == "botocore"
    assert script.targets == []
    assert not DirectExecutor(environment, call=script).is_direct(call)


def test_a_call_that_turns_out_to_need_botocore_gets_it() -> None:
    assert DirectExecutor(PLAIN, call=Script(NotDirectError()), by_botocore=by_botocore)(GET)["by"] == "botocore"


def test_a_bucket_in_another_region_is_botocores_from_then_on_and_no_other() -> None:
    script = Script(OtherRegionError())
    execute = DirectExecutor(PLAIN, call=script, by_botocore=by_botocore)
    far, near = (Call("s3", "head_object", {"Bucket": name, "Key": "k"}) for name in ("far", "near"))
    assert [execute(each)["by"] for each in (far, near, far)] == ["botocore", "itself", "botocore"]
    assert len(script.targets) == 2


def test_an_answer_that_is_an_error_is_no_matter_for_botocore() -> None:
    script = Script(NotFoundError("gone"))
    with pytest.raises(NotFoundError):
        DirectExecutor(PLAIN, call=script, by_botocore=by_botocore)(GET)
    assert len(script.targets) == 1


def test_transient_errors_are_tried_again_as_by_botocores_clients() -> None:
    waits: list[float] = []
    script = Script(TransientError("busy"), TransientError("busy"))
    execute = DirectExecutor(PLAIN, call=script, by_botocore=by_botocore, sleep=waits.append)
    assert execute(GET)["by"] == "itself"
    assert len(script.targets) == 3
    assert all(wait < limit for wait, limit in zip(waits, (1.0, 2.0), strict=True))


def test_time_limits_and_tries_are_those_of_botocores_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clients.session.cache_clear()
    client = clients.default_client("dynamodb")
    client.close()
    clients.session.cache_clear()
    config = client.meta.config
    assert (TIMEOUTS.connect_s, TIMEOUTS.read_s) == (config.connect_timeout, config.read_timeout)
    assert config.retries["total_max_attempts"] == STANDARD_RETRIES.max_tries
