"""The command ``tailrace advise``."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tailrace.cli import arguments
from tailrace.cli import declarations as typer
from tailrace.cli.commands import submit_options
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace.cli.quantities import duration_s
from tailrace.cli.reports import job_reports
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError

if TYPE_CHECKING:
    from tailrace.advice.situation import Situation
    from tailrace.cli.environment import AccountConnection

RowsPerSecond = Annotated[
    float,
    typer.Option(metavar="N", help="Rows that one instance of the model scores per second; measure yours."),
]
Idle = Annotated[str, typer.Option(metavar="TIME", help="Time between this file and the next one (10m, 24h, 7d).")]
Deadline = Annotated[str, typer.Option(metavar="TIME", help="Time within which the result is needed (5m, 4h).")]
Count = Annotated[bool, typer.Option("--count", help="Read the whole input, instead of estimating its rows.")]
PricesFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="JSON file of your own prices, as python -m tailrace.costs takes it.")
]


@guarded
def advise(
    *,
    context: typer.Context,
    sources: submit_options.Sources,
    rows_per_second: RowsPerSecond = 5_000.0,
    deadline: Deadline = "24h",
    idle: Idle = "24h",
    count: Count = False,
    header: submit_options.Header = HeaderPolicy.STRIP,
    pattern: submit_options.Pattern = None,
    prices: PricesFile = None,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Tell which way to infer fits a file: a table of the ways, how long each takes, what it costs, and why not.

    Reads the beginning of the input. Without --stack nothing else is asked; with it, what the stack can do counts.

    Examples:
      tailrace advise sales.csv --rows-per-second 800 --deadline 10m

      tailrace advise 'days/*.csv.gz' --stack demand --idle 7d --json
    """
    from tailrace.advice.asking import prices_for  # noqa: PLC0415 - after the usage is known to be right
    from tailrace.advice.rules import advise as judge  # noqa: PLC0415 - as above
    from tailrace.cli.reports import advice_reports  # noqa: PLC0415 - as above
    from tailrace.costs.prices import Prices  # noqa: PLC0415 - it brings pydantic

    environment = of(context)
    if not 0 < rows_per_second < float("inf"):
        raise InputError(f"--rows-per-second is {rows_per_second:g}; write a number above 0")
    target = Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)
    situation = _situation(
        environment,
        target,
        sources,
        header,
        pattern,
        count=count,
        rows_per_second=rows_per_second,
        times=(duration_s(idle), duration_s(deadline)),
    )
    listed = Prices.read(Path(prices)) if prices else prices_for(situation.partition)
    advice = judge(situation, listed)
    if json_:
        environment.put_json(
            job_reports.as_json(advice_reports.fields(sources, situation, advice, listed, stack or None))
        )
    else:
        environment.put(advice_reports.text(sources, situation, advice, listed, stack or None))


def _situation(
    environment: Environment,
    target: Target,
    sources: list[str],
    header: HeaderPolicy,
    pattern: str | None,
    *,
    count: bool,
    rows_per_second: float,
    times: tuple[float, float],
) -> Situation:
    """Read the input, and what the stack has if one is named."""
    from tailrace.advice.asking import of_stack  # noqa: PLC0415 - as above
    from tailrace.advice.input_facts import measure  # noqa: PLC0415 - as above
    from tailrace.advice.situation import Situation, partition_of  # noqa: PLC0415 - as above
    from tailrace.aws.stacks import find_stack  # noqa: PLC0415 - as above
    from tailrace.sources.origins import S3Objects, is_address  # noqa: PLC0415 - as above
    from tailrace.sources.record_source import open_records  # noqa: PLC0415 - as above
    from tailrace_core.aws.calls import run  # noqa: PLC0415 - as above

    with ExitStack() as closing:
        connection: AccountConnection | None = None
        if target.stack or any(map(is_address, sources)):
            connection = environment.reach(target)
            closing.callback(connection.close)
        s3 = None if connection is None else S3Objects(connection.execute)
        stdin = environment.stdin or getattr(sys.stdin, "buffer", None)
        with open_records(sources, header=header, stdin=stdin, s3=s3, pattern=pattern) as source:
            found = measure(source, count=count)
        named = target.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        situation = Situation(
            input=found,
            rows_per_second=rows_per_second,
            idle_s=times[0],
            deadline_s=times[1],
            partition=partition_of(connection.region if connection else named or ""),
        )
        if connection is None or not target.stack:
            return situation
        stack = run(find_stack(target.stack, f"region {connection.region}"), connection.execute)
        return of_stack(situation, stack)
