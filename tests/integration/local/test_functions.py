"""Functions of a deployed stack, under the real runtime client."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually

pytestmark = pytest.mark.cloud


def invoke(cloud: RunningCloud, event: dict[str, Any]) -> tuple[str | None, Any]:
    return call(cloud, cloud.functions["Tick"], event)


def call(cloud: RunningCloud, name: str, event: dict[str, Any]) -> tuple[str | None, Any]:
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


@contextmanager
def made(cloud: RunningCloud, name: str, code: str, **settings: Any) -> Iterator[None]:
    """A function that is not the stack's, until the block ends."""
    functions = cloud.client("lambda")
    role = functions.get_function_configuration(FunctionName=cloud.functions["Tick"])["Role"]
    asked = {"Runtime": "python3.13", "Role": role, "Handler": "h.handle", **settings}
    functions.create_function(FunctionName=name, Code={"ZipFile": archive(code)}, **asked)
    try:
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        yield
    finally:
        functions.delete_function(FunctionName=name)


def test_a_function_runs_with_its_own_role(cloud: RunningCloud) -> None:
    _, answer = invoke(cloud, {})
    role = cloud.client("lambda").get_function_configuration(FunctionName=cloud.functions["Tick"])["Role"]
    assert answer["identity"].split("/")[1:] == [role.rsplit("/", 1)[-1], cloud.functions["Tick"]]


def test_a_function_sees_awss_variables_and_its_own_and_no_others(cloud: RunningCloud) -> None:
    _, answer = invoke(cloud, {})
    variables = set(answer["variables"])
    assert {"AWS_LAMBDA_FUNCTION_NAME", "LAMBDA_TASK_ROOT", "_HANDLER", "AWS_SESSION_TOKEN", "TABLE"} <= variables
    assert not {name for name in variables if name.startswith(("MINISTACK", "TAILRACE", "PYTHONPATH", "GATEWAY"))}


def test_a_warm_process_serves_the_next_event(cloud: RunningCloud) -> None:
    assert invoke(cloud, {})[1]["pid"] == invoke(cloud, {})[1]["pid"]


def test_events_at_the_same_time_get_processes_of_their_own(cloud: RunningCloud) -> None:
    # Each waits for the others.
    together, _ = {"word": "together", "until": 3}, cloud.client("lambda")
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: invoke(cloud, together), range(3)))
    assert [error for error, _ in answers] == [None] * 3
    assert len({answer["pid"] for _, answer in answers}) == 3


def test_an_exception_is_answered_as_lambda_does(cloud: RunningCloud) -> None:
    error, answer = invoke(cloud, {"raise": "no such row"})
    assert error == "Unhandled"
    assert answer["errorType"] == "ValueError"
    assert answer["errorMessage"] == "no such row"
    assert answer["stackTrace"]


def test_a_function_that_takes_too_long_is_killed(cloud: RunningCloud) -> None:
    with made(cloud, "slow", "import os, time; return time.sleep(event.get('sleep_s', 0)) or os.getpid()", Timeout=2):
        _, before = call(cloud, "slow", {})
        error, answer = call(cloud, "slow", {"sleep_s": 30})
        assert (error, answer["errorType"]) == ("Unhandled", "Sandbox.Timedout")
        assert answer["errorMessage"].endswith("Task timed out after 2.00 seconds")
        assert call(cloud, "slow", {})[1] not in {before, None}


def test_a_process_that_exits_fails_its_event_alone(cloud: RunningCloud) -> None:
    error, answer = invoke(cloud, {"exit": 7})
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert "exited with status 7" in answer["errorMessage"]
    assert invoke(cloud, {})[0] is None


def test_a_functions_output_is_in_its_log_group_and_in_its_file(cloud: RunningCloud) -> None:
    invoke(cloud, {"raise": "a line for the log"})
    logs, group = cloud.client("logs"), f"/aws/lambda/{cloud.functions['Tick']}"

    def streams() -> list[str]:
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        events = logs.filter_log_events(logGroupName=group)["events"]
        return [event["logStreamName"] for event in events if "a line for the log" in event["message"]]

    assert all("[$LATEST]" in stream for stream in eventually(streams, what="the log"))
    log = cloud.state_dir / "logs" / "functions" / f"{cloud.functions['Tick']}.log"
    assert "a line for the log" in log.read_text()


def test_new_code_replaces_the_old_at_once(cloud: RunningCloud) -> None:
    functions = cloud.client("lambda")
    with made(cloud, "changing", "return 1"):
        first = call(cloud, "changing", {})
        functions.update_function_code(FunctionName="changing", ZipFile=archive("return 2"))
        functions.get_waiter("function_updated_v2").wait(FunctionName="changing", WaiterConfig={"Delay": 1})
        assert (first, call(cloud, "changing", {})) == ((None, 1), (None, 2))


def test_a_handler_that_cannot_be_imported_is_an_error_of_the_function(cloud: RunningCloud) -> None:
    with made(cloud, "broken", "return 1", Handler="nowhere.handle"):
        error, answer = call(cloud, "broken", {})
        assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")


def test_a_schedule_invokes_its_function(cloud: RunningCloud) -> None:
    scheduler, table = cloud.client("scheduler"), cloud.client("dynamodb")
    arn = cloud.client("lambda").get_function_configuration(FunctionName=cloud.functions["Tick"])["FunctionArn"]
    scheduler.create_schedule(
        Name="once",
        ScheduleExpression="at(2020-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": cloud.outputs["CountWordsRole"], "Input": '{"word": "scheduled"}'},
    )
    eventually(
        lambda: table.get_item(TableName=cloud.outputs["TableName"], Key={"word": {"S": "scheduled"}}).get("Item"),
        what="the scheduled word in the table",
    )


def archive(code: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("h.py", f"def handle(event, context):\n    {code}\n")
    return buffer.getvalue()
