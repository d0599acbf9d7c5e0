"""The command ``tailrace prepare``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from tailrace.cli import arguments, exit_codes
from tailrace.cli import declarations as typer
from tailrace.cli.commands import submit_options
from tailrace.cli.environment import Environment, guarded, of
from tailrace.sources.origins import STDIN
from tailrace.sources.resolving import local_files
from tailrace_core.errors import InputError
from tailrace_core.submission.options import OnBadRow

_PROGRESS_S = 5.0

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="IN...",
        help="Files, directories or glob patterns to read in this order, CSV or Parquet; - is standard input.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="CSV file to write; - is standard output. A name that ends in .gz or .zst is compressed. With --suggest, "
        "the recipe to write; default: standard output.",
    ),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="What to do with each column: a recipe in TOML, or the JSON file of a fitted one (docs/preparing.md).",
    ),
]
Fitted = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Write the recipe with its computed values here, for `tailrace submit --recipe`. Default: fitted.json in "
        "the folder of the output; not written when --recipe names a fitted one.",
    ),
]
Report = Annotated[str | None, typer.Option(metavar="FILE", help="Write counts of rows and cells here, as JSON.")]
Rejects = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Write rejected rows here as CSV: row (from 0), reason, original record."),
]
OnBad = Annotated[
    OnBadRow,
    typer.Option(help="Reject rows that are no records of the input's columns, or stop at the first rejected row."),
]
Suggest = Annotated[bool, typer.Option("--suggest", help="Look at the data and write a first recipe for it.")]


@guarded
def prepare(
    *,
    context: typer.Context,
    sources: Sources,
    pattern: submit_options.Pattern = None,
    output: Output = None,
    recipe: Recipe = None,
    suggest: Suggest = False,
    fitted: Fitted = None,
    report: Report = None,
    rejects: Rejects = None,
    on_bad_row: OnBad = OnBadRow.REJECT,
    no_clobber: arguments.NoClobber = False,
    quiet: arguments.Quiet = False,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Prepare raw data by a recipe: numbers, missing values, columns; for training and for scoring.

    Exit codes: 0 all rows written or dropped as the recipe says; 2 wrong recipe or input; 3 some
    rows were rejected.

    Examples:
      tailrace prepare --suggest raw.csv -o recipe.toml

      tailrace prepare raw.csv -o train.csv --recipe recipe.toml --report report.json

      tailrace submit new.csv --stack demand --recipe fitted.json --output scored.csv
    """
    environment = of(context)
    if suggest:
        _suggest(environment, sources, pattern, output, no_clobber=no_clobber)
        return
    if recipe is None or output is None:
        missing = "--recipe" if recipe is None else "--output"
        raise InputError(
            f"{missing} is missing: name a recipe and a file to write, or let --suggest write a first recipe"
        )
    from tailrace.download import targets  # noqa: PLC0415 - slow to import; `--help` does not need it
    from tailrace.models.prepare.preparing import prepare as run  # noqa: PLC0415 - the same
    from tailrace.models.prepare.recipes.recipe_files import load_recipe  # noqa: PLC0415 - the same
    from tailrace.models.prepare.report import report_json, report_text  # noqa: PLC0415 - the same

    loaded = load_recipe(recipe)
    if fitted is None and loaded.fitted is None and output != STDIN:
        fitted = _fitted_beside(Path(output), no_clobber=no_clobber)
    _check_targets(
        sources, recipe, output, {"fitted": fitted, "report": report, "rejects": rejects}, no_clobber=no_clobber
    )
    done = run(
        [environment.stdin or STDIN if name == STDIN else name for name in sources],
        environment.stdout if output == STDIN else output,
        recipe=loaded,
        pattern=pattern,
        fitted=fitted,
        rejects=rejects,
        on_bad_row=on_bad_row,
        on_progress=None if quiet else _progress(environment),
    )
    if report is not None:
        with targets.open_target(report) as file:
            file.write(report_json(done).encode() + b"\n")
    if not quiet:
        environment.say(report_text(done))
        if fitted is not None:
            environment.say(f"score with the same recipe: tailrace submit FILE --recipe {fitted}")
    if done.counts.rows_rejected:
        raise typer.Exit(exit_codes.ExitCode.COMPLETED_WITH_REJECTS)


def _fitted_beside(output: Path, *, no_clobber: bool) -> str:
    """Return where the fitted recipe of an output goes.

    Raises:
        InputError: the fitted recipe of another output is there; a model may have been trained with
            its values.
    """
    fitted = output.with_name("fitted.json")
    if not no_clobber and fitted.exists() and not output.exists():  # with it, every file is checked
        raise InputError(
            f"{fitted} belongs to another preparation, and scoring for its model needs its values: name another file "
            f"with --fitted, or name this one to replace it"
        )
    return str(fitted)


def _progress(environment: Environment) -> Callable[[int], None]:
    """Return a callback that tells of the rows read, every few seconds."""
    told = environment.clock()

    def report(rows: int) -> None:
        nonlocal told
        if environment.clock() - told >= _PROGRESS_S:
            told = environment.clock()
            environment.say(f"{rows:,} rows read")

    return report


def _check_targets(
    sources: list[str], recipe: str, output: str, others: dict[str, str | None], *, no_clobber: bool
) -> None:
    """Refuse early what could not be written in the end.

    Raises:
        InputError: a file cannot be written, would replace an input, or is named twice.
    """
    from tailrace.download import targets  # noqa: PLC0415 - slow to import; `--help` does not need it

    inputs = [*local_files(sources), recipe]
    named: dict[str, str] = {}
    for option, target in {"output": output, **others}.items():
        if target is None:
            continue
        if target == STDIN and option != "output":
            raise InputError(f"--{option} is -, and standard output is for the rows: name a file")
        is_rows = option in {"output", "rejects"}
        targets.check(target, sources=inputs, clobber=not no_clobber, json=not is_rows, result=False)
        if target in named:
            raise InputError(f"--{option} and --{named[target]} both name {target}: name two files")
        named[target] = option


def _suggest(
    environment: Environment, sources: list[str], pattern: str | None, output: str | None, *, no_clobber: bool
) -> None:
    from tailrace.models.prepare.suggesting import suggest as run  # noqa: PLC0415 - slow to import

    text = run([environment.stdin or STDIN if name == STDIN else name for name in sources], pattern=pattern)
    if output is None or output == STDIN:
        environment.data().write(text.encode())
        return
    from tailrace.download import targets  # noqa: PLC0415 - the same

    targets.check(output, sources=local_files(sources), clobber=not no_clobber, json=True, result=False)
    with targets.open_target(output) as file:
        file.write(text.encode())
    environment.say(f"wrote a first recipe to {output}: read it, then run tailrace prepare with --recipe {output}")
