"""The rules that judge and rank the ways to infer, as data.

Limits are those of `tailrace_core.engines`. How long an endpoint or a job takes to start is an
assumption (docs/choosing.md): AWS promises nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tailrace.advice.durations import spoken, spoken_size
from tailrace.advice.situation import CHINA, Situation
from tailrace.costs.cost_model import Workload
from tailrace.costs.engine_costs import EngineWork, engine_costs
from tailrace.costs.prices import Prices
from tailrace_core.engines import MIB, Engine, limits_of

SMALL_S = 300.0
"""Work of one instance up to which a file is small."""
AWAITED_S = 900.0
"""Deadline up to which somebody waits for the result."""
RARE_S = 3_600.0
"""Time between files from which on they are rare."""
HOURS_S = 7_200.0
"""Deadline from which on hours are allowed."""
CHUNK_ROWS = 50_000
_SLACK = 0.5
"""Share of a request's longest time that a chunk should take."""
SERVERLESS_REQUESTS = 5
"""Requests that a serverless endpoint is assumed to answer at a time."""
WARM_S = {Engine.ASYNC: 1_800.0, Engine.SERVERLESS: 300.0}
"""Time for which what has scored one file is still there for the next."""
START_S = {Engine.REALTIME: 0.0, Engine.SERVERLESS: 30.0, Engine.ASYNC: 360.0, Engine.TRANSFORM: 300.0}
"""Seconds until the model is ready, when nothing runs yet; a real-time endpoint always runs."""

WHAT_IT_IS = {
    Engine.REALTIME: "an endpoint that is always on and answers at once",
    Engine.SERVERLESS: "an endpoint that is billed by use and starts when it is called",
    Engine.ASYNC: "an endpoint with a queue, which may stop when nothing waits",
    Engine.TRANSFORM: "no endpoint: a job that starts machines, scores the file and stops them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to infer, judged."""

    engine: Engine
    fits: bool
    reasons: tuple[str, ...]
    """Why it does not fit; otherwise what speaks for it or against it."""
    first_result_s: float
    end_s: float
    cost: float
    """Cost of this file and of the time until the next one, in the currency of the prices."""
    available: bool
    """True if the stack can infer this way, or no stack is named."""
    options: tuple[str, ...] = ()
    """Options that `tailrace submit` and `tailrace score` need for it."""


@dataclass(frozen=True, slots=True)
class Advice:
    """The ways, best first, and why the best one is."""

    ways: tuple[Way, ...]
    rule: str

    @property
    def best(self) -> Way | None:
        """The best way of all; None if none fits."""
        return next((each for each in self.ways if each.fits), None)

    @property
    def choice(self) -> Way | None:
        """The best way that the stack has; None if none of its ways fits."""
        return next((each for each in self.ways if each.fits and each.available), None)


def advise(situation: Situation, prices: Prices) -> Advice:
    """Judge and rank the ways."""
    rule, order = _ranked(situation)
    ways = [_judged(engine, situation, prices) for engine in order]
    first = ways[0]
    if not first.fits:
        # The rule speaks for its first way only.
        others = any(each.fits for each in ways)
        rule = (
            f"it comes next after {first.engine}, which does not fit: {first.reasons[0]}" if others else "no way fits"
        )
    return Advice(tuple(sorted(ways, key=lambda each: not each.fits)), rule)


def _ranked(situation: Situation) -> tuple[str, tuple[Engine, ...]]:
    """Return the rule that applies, and the engines in its order."""
    small, awaited = situation.work_s <= SMALL_S, situation.deadline_s <= AWAITED_S
    rare = situation.idle_s >= RARE_S
    runs_anyway = Engine.REALTIME in (situation.engines or ())
    if small and (awaited or runs_anyway):
        why = "somebody waits for it: an endpoint that is on answers first"
        return (
            f"the file is small and {'the endpoint of the stack is on anyway' if runs_anyway else why}",
            (Engine.REALTIME, Engine.SERVERLESS, Engine.ASYNC, Engine.TRANSFORM),
        )
    if small and rare:
        return (
            "the file is small and comes rarely: pay for its seconds only",
            (Engine.SERVERLESS, Engine.ASYNC, Engine.TRANSFORM, Engine.REALTIME),
        )
    if situation.deadline_s >= HOURS_S and not situation.has_endpoint:
        return (
            "hours are allowed and there is no endpoint: a job needs none",
            (Engine.TRANSFORM, Engine.ASYNC, Engine.SERVERLESS, Engine.REALTIME),
        )
    return (
        "the work is large, or comes in bursts: a queue takes it, and instances follow the queue",
        (Engine.ASYNC, Engine.TRANSFORM, Engine.REALTIME, Engine.SERVERLESS),
    )


def _judged(engine: Engine, situation: Situation, prices: Prices) -> Way:
    found = situation.input
    limits = limits_of(engine)
    usual_rows = min(CHUNK_ROWS, limits.default_chunk_bytes // found.row_bytes, found.rows or 1)
    in_time = max(1, round(limits.max_model_s * situation.rows_per_second * _SLACK))
    chunk_rows = max(1, min(usual_rows, in_time))
    chunks = math.ceil(found.rows / chunk_rows)
    started = 0.0 if situation.idle_s < WARM_S.get(engine, 0.0) else START_S[engine]
    at_once = min(SERVERLESS_REQUESTS, chunks or 1) if engine is Engine.SERVERLESS else 1
    end_s = started + situation.work_s / at_once
    work = Workload(rows=found.rows, row_bytes=found.row_bytes, rows_per_second=situation.rows_per_second)
    asked = EngineWork(work=work, chunks=chunks, idle_hours=situation.idle_s / 3_600)
    against = tuple(_against(engine, situation, end_s))
    options = _options(engine, found.largest_record_bytes, usual_rows, in_time)
    return Way(
        engine=engine,
        fits=not against,
        reasons=against or tuple(_remarks(engine, situation, started, options)),
        first_result_s=started + chunk_rows / situation.rows_per_second,
        end_s=end_s,
        cost=sum(cost for *_, cost in engine_costs(engine, asked, prices)),
        available=situation.can(engine),
        options=options,
    )


def _options(engine: Engine, largest_bytes: int, usual_rows: int, in_time: int) -> tuple[str, ...]:
    """Return the options without which the engine's default would not do."""
    limits, options = limits_of(engine), tuple[str, ...]()
    if usual_rows > in_time:
        options += ("--chunk-rows", str(in_time))
    if largest_bytes > limits.default_chunk_bytes:
        size = math.ceil(largest_bytes / MIB) * MIB
        options += ("--chunk-bytes", f"{size // MIB}MiB" if size <= limits.warn_bytes else str(limits.warn_bytes))
    return options


def _against(engine: Engine, situation: Situation, end_s: float) -> Iterator[str]:
    """Yield why the engine does not fit."""
    limits = limits_of(engine)
    if engine is Engine.SERVERLESS and situation.partition == CHINA:
        yield "AWS does not offer serverless endpoints in China"
    if situation.input.largest_record_bytes > limits.warn_bytes:
        yield (
            f"a row of {spoken_size(situation.input.largest_record_bytes)} is more than a request may hold "
            f"({spoken_size(limits.warn_bytes)})"
        )
    if 1 / situation.rows_per_second > limits.max_model_s:
        yield f"the model takes longer for a row than a request may ({limits.max_model_s} s)"
    if end_s > situation.deadline_s:
        yield f"it ends after {spoken(end_s)}, and the result is needed within {spoken(situation.deadline_s)}"


def _remarks(engine: Engine, situation: Situation, started: float, options: tuple[str, ...]) -> Iterator[str]:
    """Yield what speaks for an engine that fits, or against it."""
    if "--chunk-rows" in options:
        limit = limits_of(engine).max_model_s
        yield f"a request may take {limit} s: send few rows in each ({' '.join(options[:2])})"
    if "--chunk-bytes" in options:
        size = spoken_size(situation.input.largest_record_bytes)
        yield f"a row of {size} needs larger requests ({' '.join(options[-2:])})"
    busy, idle = spoken(situation.work_s), spoken(situation.idle_s)
    match engine:
        case Engine.REALTIME:
            yield f"no wait; its instance is paid for {idle} until the next file, for {busy} of work"
        case Engine.SERVERLESS:
            wait = f"starts cold in about {spoken(started)}" if started else "still warm from the last file"
            yield f"{wait}; nothing is paid between files; no GPU"
        case Engine.ASYNC:
            if started:
                yield f"starts from zero in about {spoken(started)}; nothing is paid while nothing waits"
            else:
                yield "its instance is still there from the last file"
        case Engine.TRANSFORM:
            yield f"each job starts its machines anew, about {spoken(started)}; nothing else to run or to pay"
