"""The rules of advice, as a table of situations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.advice.asking import choose_engine, of_stack, prices_for
from tailrace.advice.input_facts import InputFacts
from tailrace.advice.rules import WHAT_IT_IS, Advice, advise
from tailrace.advice.situation import CHINA, Situation, partition_of
from tailrace.aws.stacks import Stack
from tailrace.cli.reports import advice_reports
from tailrace.costs.cost_model import Workload
from tailrace.costs.engine_costs import EngineWork, engine_costs
from tailrace.costs.prices import BEIJING, IRELAND
from tailrace.sources.source import Source
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.engines import Engine

ASYNC, REALTIME, SERVERLESS, TRANSFORM = Engine.ASYNC, Engine.REALTIME, Engine.SERVERLESS, Engine.TRANSFORM
MINUTE_S, HOUR_S, DAY_S = 60.0, 3_600.0, 86_400.0
SMALL = InputFacts(rows=100_000, size_bytes=10_000_000, largest_record_bytes=120)
LARGE = InputFacts(rows=50_000_000, size_bytes=5_000_000_000, largest_record_bytes=120)
QUOTED = "'a b.csv'"
WIDE = InputFacts(rows=100, size_bytes=700_000_000, largest_record_bytes=7_000_000)


def judged(found: InputFacts, **others: Any) -> Advice:
    return advise(Situation(input=found, **others), IRELAND)


@pytest.mark.parametrize(
    ("found", "others", "best"),
    [
        pytest.param(SMALL, {"deadline_s": 5 * MINUTE_S}, REALTIME, id="small and awaited"),
        pytest.param(SMALL, {"deadline_s": 5 * MINUTE_S, "partition": CHINA}, REALTIME, id="small, awaited, in China"),
        pytest.param(SMALL, {"engines": (REALTIME, TRANSFORM)}, REALTIME, id="small, and the endpoint is on anyway"),
        pytest.param(LARGE, {"engines": (REALTIME, TRANSFORM)}, ASYNC, id="large, though an endpoint is on"),
        pytest.param(SMALL, {}, SERVERLESS, id="small and rare"),
        pytest.param(SMALL, {"partition": CHINA}, ASYNC, id="small and rare, in China"),
        pytest.param(SMALL, {"idle_s": 60.0}, TRANSFORM, id="small and often, hours allowed, no endpoint"),
        pytest.param(SMALL, {"idle_s": 60.0, "engines": (ASYNC,)}, ASYNC, id="small and often, at an endpoint"),
        pytest.param(LARGE, {}, TRANSFORM, id="hours allowed and no endpoint"),
        pytest.param(LARGE, {"engines": (TRANSFORM,)}, TRANSFORM, id="hours allowed, a stack without an endpoint"),
        pytest.param(LARGE, {"engines": (ASYNC, TRANSFORM)}, ASYNC, id="large, at an endpoint"),
        pytest.param(LARGE, {"deadline_s": 1.5 * HOUR_S, "rows_per_second": 20_000.0}, ASYNC, id="large, and soon"),
        pytest.param(WIDE, {"deadline_s": 1.9 * HOUR_S, "idle_s": 60.0, "rows_per_second": 0.1}, ASYNC, id="wide rows"),
        pytest.param(LARGE, {"deadline_s": HOUR_S, "rows_per_second": 5.0}, None, id="no way is fast enough"),
    ],
)
def test_each_situation_has_its_way(found: InputFacts, others: dict[str, Any], best: Engine | None) -> None:
    advice = judged(found, **others)
    assert (advice.best and advice.best.engine) is best


def test_the_rule_of_a_way_that_does_not_fit_is_not_that_of_the_next() -> None:
    """Nobody is told to take an endpoint with a queue because it is paid by the second."""
    assert judged(SMALL).rule == "the file is small and comes rarely: pay for its seconds only"
    assert judged(SMALL, partition=CHINA).rule == (
        "it comes next after serverless, which does not fit: AWS does not offer serverless endpoints in China"
    )
    late = judged(LARGE, deadline_s=HOUR_S, rows_per_second=5.0)
    assert late.rule == "no way fits"


@pytest.mark.parametrize(
    ("engine", "found", "others", "why"),
    [
        (SERVERLESS, SMALL, {"partition": CHINA}, "AWS does not offer serverless endpoints in China"),
        (SERVERLESS, WIDE, {}, "a row of 7.0 MB is more than a request may hold (4.0 MB)"),
        (REALTIME, WIDE, {}, "a row of 7.0 MB is more than a request may hold (6.3 MB)"),
        (REALTIME, SMALL, {"rows_per_second": 0.01}, "the model takes longer for a row than a request may (60 s)"),
        (
            TRANSFORM,
            SMALL,
            {"deadline_s": 2 * MINUTE_S},
            "it ends after 5 min 20 s, and the result is needed within 2 min",
        ),
        (ASYNC, SMALL, {"deadline_s": 2 * MINUTE_S}, "it ends after 6 min 20 s, and the result is needed within 2 min"),
    ],
)
def test_a_way_that_does_not_fit_says_why(engine: Engine, found: InputFacts, others: dict[str, Any], why: str) -> None:
    way = next(each for each in judged(found, **others).ways if each.engine is engine)
    assert not way.fits
    assert why in way.reasons


@pytest.mark.parametrize(
    ("engine", "found", "rows_per_second", "options"),
    [
        (ASYNC, SMALL, 5_000.0, ()),
        (ASYNC, WIDE, 5_000.0, ("--chunk-bytes", "7MiB")),
        (TRANSFORM, replace(WIDE, largest_record_bytes=7 << 20), 5_000.0, ("--chunk-bytes", "7MiB")),
        (REALTIME, replace(WIDE, largest_record_bytes=6_000_000), 5_000.0, ("--chunk-bytes", "6MiB")),
        # Four mebibytes are more than four megabytes.
        (SERVERLESS, replace(WIDE, largest_record_bytes=3_900_000), 5_000.0, ("--chunk-bytes", "4000000")),
        (REALTIME, SMALL, 20.0, ("--chunk-rows", "600")),
        (
            SERVERLESS,
            replace(SMALL, largest_record_bytes=3_900_000),
            20.0,
            ("--chunk-rows", "600", "--chunk-bytes", "4000000"),
        ),
    ],
)
def test_a_way_needs_options_where_its_defaults_would_not_do(
    engine: Engine, found: InputFacts, rows_per_second: float, options: tuple[str, ...]
) -> None:
    advice = judged(found, rows_per_second=rows_per_second, deadline_s=10 * DAY_S)
    way = next(each for each in advice.ways if each.engine is engine)
    assert way.fits
    assert way.options == options
    for name, value in zip(options[::2], options[1::2], strict=True):
        assert any(f"({name} {value})" in reason for reason in way.reasons)
    first = replace(way, available=True)
    command = advice_reports.text(["a b.csv"], Situation(input=found), replace(advice, ways=(first,)), IRELAND, "s")
    assert f"tailrace submit {' '.join([QUOTED, *options])} --stack s --via {engine} --output" in command


def test_only_a_queue_and_a_job_take_a_row_above_a_requests_limit() -> None:
    fitting = {each.engine for each in judged(WIDE, rows_per_second=1.0).ways if each.fits}
    assert fitting == {ASYNC, TRANSFORM}


def test_a_stack_is_advised_what_it_can_do() -> None:
    advice = judged(SMALL, engines=(ASYNC,))
    assert advice.best is not None
    assert advice.choice is not None
    assert (advice.best.engine, advice.choice.engine) == (SERVERLESS, ASYNC)
    assert [each.engine for each in advice.ways if each.available] == [ASYNC]


def test_what_ran_for_the_last_file_is_still_there_for_the_next() -> None:
    often, rarely = (judged(LARGE, idle_s=idle_s, engines=(ASYNC,)) for idle_s in (10 * MINUTE_S, DAY_S))
    starts = [next(each for each in advice.ways if each.engine is ASYNC).end_s for advice in (often, rarely)]
    assert starts[1] - starts[0] == 360.0


@given(
    rows=st.integers(0, 10**9),
    row_bytes=st.integers(1, 20_000_000),
    rows_per_second=st.floats(0.001, 10**6),
    idle_s=st.floats(0, 10**7),
    deadline_s=st.floats(1, 10**7),
    partition=st.sampled_from(["aws", CHINA, "aws-us-gov"]),
    engines=st.none() | st.lists(st.sampled_from(Engine), min_size=1, unique=True).map(tuple),
)
def test_every_situation_gets_every_way_once_with_a_reason(rows: int, row_bytes: int, **others: Any) -> None:
    found = InputFacts(rows=rows, size_bytes=rows * row_bytes, largest_record_bytes=row_bytes)
    advice = judged(found, **others)
    assert sorted(each.engine for each in advice.ways) == sorted(Engine)
    assert [each.fits for each in advice.ways] == sorted((each.fits for each in advice.ways), reverse=True)
    for way in advice.ways:
        assert way.reasons
        assert way.first_result_s >= 0
        assert way.cost >= 0
        assert way.fits is False or way.end_s <= others["deadline_s"]
        assert way.engine in WHAT_IT_IS
    assert advice.choice is None or advice.choice.available
    assert not [
        each for each in advice.ways if each.fits and others["partition"] == CHINA and each.engine is SERVERLESS
    ]


def test_costs_are_those_of_the_prices() -> None:
    """Calculated by hand: 3.6 million rows at 1,000 a second are an hour of one instance."""
    work = Workload(rows=3_600_000, row_bytes=90, answer_bytes=10, rows_per_second=1_000.0)
    asked = EngineWork(work=work, chunks=72, idle_hours=23.0)
    listed = {engine: {what: cost for what, _, cost in engine_costs(engine, asked, IRELAND)} for engine in Engine}
    assert listed[REALTIME]["instances at work"] == pytest.approx(0.128)
    assert listed[REALTIME]["an instance that is always on"] == pytest.approx(23 * 0.128)
    assert listed[ASYNC]["the last instance, until it goes"] == pytest.approx(0.5 * 0.128)
    assert listed[SERVERLESS]["serverless inference"] == pytest.approx(3_600 * 4 * 0.00002)
    assert listed[TRANSFORM]["instances of the transform job"] == pytest.approx(1.05 * 0.128)
    assert listed[REALTIME]["data through the endpoint"] == pytest.approx(0.36 * 0.016)
    assert "data through the endpoint" not in listed[TRANSFORM]


def test_prices_from_before_the_engines_still_read() -> None:
    known = IRELAND.model_dump(exclude={"transform_instance_hour", "serverless_gb_second"})
    assert type(IRELAND).model_validate(known).transform_instance_hour == 0.128


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", CHINA), ("us-gov-west-1", "aws-us-gov"), ("", "aws")]
)
def test_the_region_tells_the_partition(region: str, partition: str) -> None:
    assert partition_of(region) == partition
    assert prices_for(partition) is (BEIJING if partition == CHINA else IRELAND)


def stack(partition: str = "aws", **outputs: str) -> Stack:
    topic = f"arn:{partition}:sns:eu-west-1:123456789012:results"
    return Stack("s", {"Bucket": "b", "LedgerTable": "t", "EndpointName": "e", "ResultsTopic": topic, **outputs})


def test_a_stack_tells_its_partition_and_its_engines() -> None:
    found = of_stack(Situation(input=SMALL), stack(CHINA, EndpointKind="none"))
    assert (found.partition, found.engines) == (CHINA, (TRANSFORM,))
    nowhere = replace(stack(), outputs={**stack().outputs, "ResultsTopic": "x"})
    assert of_stack(Situation(input=SMALL), nowhere).partition == "aws"


@pytest.mark.parametrize(
    ("outputs", "engine"),
    [
        ({"EndpointKind": "serverless"}, SERVERLESS),
        ({"EndpointKind": "realtime", "BatchTransform": "true"}, REALTIME),
        ({}, ASYNC),
        ({"EndpointKind": "none"}, TRANSFORM),
    ],
    ids=str,
)
def test_auto_takes_the_first_that_the_stack_has(outputs: dict[str, str], engine: Engine, tmp_path: Any) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"id,x\n" + b"1,2\n" * 1_000)
    with Source.open([str(path)], header=HeaderPolicy.STRIP) as source:
        assert choose_engine(source, stack(**outputs), 86_400) is engine
