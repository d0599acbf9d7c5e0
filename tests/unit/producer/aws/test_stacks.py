"""A stack's ways to infer, by its outputs."""

from __future__ import annotations

import pytest

from tailrace.aws.stacks import Stack, find_stack
from tailrace_core.aws.calls import Call, run
from tailrace_core.engines import Engine
from tailrace_core.errors import ConfigurationError, InputError

OUTPUTS = {"Bucket": "b", "LedgerTable": "t", "EndpointName": "e", "ResultsTopic": "r"}


def stack(**outputs: str) -> Stack:
    return Stack("demand", {**OUTPUTS, **outputs})


@pytest.mark.parametrize(
    ("outputs", "engines"),
    [
        ({}, [Engine.ASYNC]),
        ({"EndpointKind": "async"}, [Engine.ASYNC]),
        ({"EndpointKind": "async", "BatchTransform": "true"}, [Engine.ASYNC, Engine.TRANSFORM]),
        ({"EndpointKind": "realtime", "BatchTransform": "false"}, [Engine.REALTIME]),
        ({"EndpointKind": "serverless"}, [Engine.SERVERLESS]),
        ({"EndpointKind": "none"}, [Engine.TRANSFORM]),
    ],
)
def test_a_stack_can_score_as_it_was_deployed_to_and_does_so_by_default(
    outputs: dict[str, str], engines: list[Engine]
) -> None:
    found = stack(**outputs)
    assert list(found.engines) == engines
    assert found.engine(None) is engines[0]
    assert [found.engine(each) for each in engines] == engines


@pytest.mark.parametrize(
    ("outputs", "via", "message"),
    [
        ({}, Engine.REALTIME, r"scores via async; submit with --via async, or deploy .* EndpointKind=realtime"),
        ({"EndpointKind": "realtime"}, Engine.SERVERLESS, r"scores via realtime; .* EndpointKind=serverless"),
        ({"EndpointKind": "none"}, Engine.ASYNC, r"scores via transform; .* EndpointKind=async"),
        ({}, Engine.TRANSFORM, r"scores via async; .* BatchTransform=true"),
    ],
)
def test_another_way_is_refused_with_the_parameter_that_gives_it(
    outputs: dict[str, str], via: Engine, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        stack(**outputs).engine(via)


def test_a_kind_of_a_later_version_is_not_guessed() -> None:
    with pytest.raises(ConfigurationError, match="'router', which this version"):
        stack(EndpointKind="router").engine(None)


@pytest.mark.parametrize(("kind", "found"), [(None, False), ("realtime", False), ("none", True)])
def test_only_a_stack_of_the_kind_none_has_no_endpoint(kind: str | None, *, found: bool) -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != "EndpointName"}
    outputs |= {} if kind is None else {"EndpointKind": kind}

    def execute(_: Call) -> dict[str, object]:
        return {"Stacks": [{"Outputs": [{"OutputKey": name, "OutputValue": outputs[name]} for name in outputs]}]}

    try:
        assert run(find_stack("demand", "here"), execute).endpoint_name == ""
    except InputError as exc:
        assert not found and "no output EndpointName" in exc.message  # noqa: PT017, PT018 - one of two outcomes
    else:
        assert found


def test_requests_go_to_the_stacks_own_queue() -> None:
    assert stack(ScoringQueueUrl="https://q").invocation_targets.scoring_queue == "https://q"
    assert stack().invocation_targets.scoring_queue is None
