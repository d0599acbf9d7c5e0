"""Reports of `tailrace advise`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tailrace.advice.durations import spoken, spoken_size
from tailrace.advice.rules import WHAT_IT_IS
from tailrace.cli.reports.columns import align
from tailrace_core.engines import Engine

if TYPE_CHECKING:
    from tailrace.advice.rules import Advice, Way
    from tailrace.advice.situation import Situation
    from tailrace.costs.prices import Prices


def text(names: Sequence[str], situation: Situation, advice: Advice, prices: Prices, stack: str | None) -> str:
    """Format the situation, a table of the ways, what each is, and which to take."""
    found = situation.input
    about = "" if found.exact else "about "
    input_line = (
        f"{', '.join(names)}: {about}{found.rows:,} rows, {about}{spoken_size(found.size_bytes)}; the largest row "
        f"{'seen ' * (not found.exact)}has {spoken_size(found.largest_record_bytes)}"
    )
    assumed = (
        f"assumed: the model scores {situation.rows_per_second:,.0f} rows a second on one instance "
        f"(--rows-per-second), the result is needed within {spoken(situation.deadline_s)} (--deadline), the next such "
        f"file comes {spoken(situation.idle_s)} later (--idle), prices of {prices.as_of} (--prices)"
    )
    lines = [
        input_line,
        assumed,
        "",
        _table(advice, prices, stack),
        "",
        *(f"{engine}: {WHAT_IT_IS[engine]}" for engine in (each.engine for each in advice.ways)),
        "",
        _conclusion(names, advice, stack),
    ]
    return "\n".join(lines)


def _table(advice: Advice, prices: Prices, stack: str | None) -> str:
    has = () if stack is None else (f"in {stack}",)
    rows = [("way", "fits", *has, "first result", "end", f"{prices.currency} a file", "why")]
    for each in advice.ways:
        there = () if stack is None else ("yes" if each.available else "no",)
        fits = "yes" if each.fits else "no"
        cost = f"{each.cost:.2f}" if each.cost >= _CENT else "< 0.01"
        rows.append((each.engine, fits, *there, spoken(each.first_result_s), spoken(each.end_s), cost, _why(each)))
    return align(rows)


_CENT = 0.01


def _why(way: Way) -> str:
    return "; ".join(way.reasons)


def _conclusion(names: Sequence[str], advice: Advice, stack: str | None) -> str:
    best, choice = advice.best, advice.choice
    if best is None:
        return (
            "No way fits: allow more time (--deadline), make the model faster, score with more instances at a time "
            "(--rows-per-second of all), or split the file."
        )
    taken = f"Take {best.engine}: {advice.rule}."
    if stack is not None and choice is not best:
        other = f"; the best that it can do is {choice.engine}" if choice else "; none of the ways that it has fits"
        taken += f" Stack {stack} cannot{other}."
        best = choice
    return taken if best is None else f"{taken}\n{_command(names, best, stack)}"


def _command(names: Sequence[str], way: Way, stack: str | None) -> str:
    files = " ".join(map(shlex.quote, names))
    files += "".join(f" {each}" for each in way.options)
    via = f"tailrace submit {files} --stack {shlex.quote(stack or 'NAME')} --via {way.engine} --output scored.csv"
    if stack is None:
        kind = "none" if way.engine is Engine.TRANSFORM else way.engine
        # Serverless endpoints cannot isolate a model, and the template's default does.
        isolation = " ModelNetworkIsolation=false" if way.engine is Engine.SERVERLESS else ""
        via = f"deploy a stack with EndpointKind={kind}{isolation} (docs/deploy.md), then: {via}"
    if way.engine in {Engine.REALTIME, Engine.SERVERLESS}:
        return f"{via}\nor, without a stack: tailrace score {files} --endpoint ENDPOINT --output scored.csv"
    return via


def fields(
    names: Sequence[str], situation: Situation, advice: Advice, prices: Prices, stack: str | None
) -> dict[str, Any]:
    """Return the JSON object of the advice."""
    found = situation.input
    return {
        "sources": list(names),
        "rows": found.rows,
        "size_bytes": found.size_bytes,
        "largest_record_bytes": found.largest_record_bytes,
        "exact": found.exact,
        "rows_per_second": situation.rows_per_second,
        "idle_seconds": situation.idle_s,
        "deadline_seconds": situation.deadline_s,
        "partition": situation.partition,
        "stack": stack,
        "currency": prices.currency,
        "prices": prices.as_of,
        "best": None if advice.best is None else advice.best.engine,
        "choice": None if advice.choice is None else advice.choice.engine,
        "rule": advice.rule,
        "ways": [
            {
                "engine": each.engine,
                "fits": each.fits,
                "available": each.available,
                "reasons": list(each.reasons),
                "options": list(each.options),
                "first_result_seconds": round(each.first_result_s, 1),
                "end_seconds": round(each.end_s, 1),
                "cost": round(each.cost, 6),
            }
            for each in advice.ways
        ],
    }
