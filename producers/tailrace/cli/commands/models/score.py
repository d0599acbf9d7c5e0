"""The command ``tailrace score``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from tailrace.cli import arguments, exit_codes
from tailrace.cli import declarations as typer
from tailrace.cli.commands import submit_options
from tailrace.cli.environment import Environment, guarded, of, session_of
from tailrace.cli.printable import printable
from tailrace.cli.progress_lines import reporting
from tailrace.cli.quantities import duration_s, size_bytes
from tailrace.cli.reports import job_reports
from tailrace.scoring.score_request import CONCURRENCY, ScoreRequest
from tailrace_core.csv_text.headers import HeaderPolicy, parse_names
from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.submission.options import OnBadRow, SubmitOptions

if TYPE_CHECKING:
    from tailrace.aws.connections import Boto3Connection

_STDOUT = "-"
_MODEL = "Model"

Endpoint = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Real-time or serverless endpoint to call.",
        rich_help_panel=_MODEL,
        callback=arguments.text,
    ),
]
ModelUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Address of a server with SageMaker's container contract, such as http://127.0.0.1:8080, instead of "
        "an endpoint.",
        rich_help_panel=_MODEL,
    ),
]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="File or s3://bucket/key to write; - is standard output. A name that ends in .gz or .zst is compressed.",
    ),
]
Rejects = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="File for the rejected rows: row (from 0), reason, and columns of the input."),
]
Concurrency = Annotated[
    int,
    typer.Option(
        min=1,
        max=64,
        metavar="N",
        help="Requests in parallel: as many as the model has workers. Memory holds about two chunks for each.",
        rich_help_panel=_MODEL,
    ),
]
ChunkBytes = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Maximum size of a request (500kB, 4MiB). Default: 4MiB, for a serverless endpoint 3MiB.",
        rich_help_panel="Chunks and limits",
    ),
]
Deadline = Annotated[
    str,
    typer.Option(metavar="TIME", help="Give up after this long (90s, 15m, 24h).", rich_help_panel="Chunks and limits"),
]
InvocationTimeout = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="Maximum time the model may take for one request; 60s at most for an endpoint.",
        rich_help_panel=_MODEL,
    ),
]


@guarded
def score(
    *,
    context: typer.Context,
    sources: submit_options.Sources,
    pattern: submit_options.Pattern = None,
    endpoint: Endpoint = None,
    model_url: ModelUrl = None,
    output: Output = "-",
    rejects: Rejects = None,
    no_clobber: arguments.NoClobber = False,
    safe_csv: arguments.SafeCsv = False,
    json_: arguments.Json = False,
    source_format: submit_options.SourceFormat = None,
    recipe: submit_options.Recipe = None,
    header: submit_options.Header = HeaderPolicy.STRIP,
    keep: submit_options.Keep = None,
    join: submit_options.Join = False,
    drop: submit_options.Drop = None,
    send: submit_options.Send = None,
    output_columns: submit_options.OutputColumns = "prediction",
    on_bad_row: submit_options.OnBadRow = OnBadRow.REJECT,
    na: submit_options.Na = None,
    chunk_rows: submit_options.ChunkRows = 50_000,
    chunk_bytes: ChunkBytes = None,
    max_attempts: submit_options.MaxAttempts = 3,
    max_rejects: submit_options.MaxRejects = None,
    split_budget: submit_options.SplitBudget = None,
    deadline: Deadline = "24h",
    output_type: submit_options.OutputType = None,
    canaries: submit_options.Canaries = 0,
    echo: submit_options.Echo = None,
    request: submit_options.Request = RequestFormat.CSV,
    request_template: submit_options.RequestTemplate = None,
    content_type: submit_options.ContentType = "text/csv",
    accept: submit_options.Accept = "text/csv",
    invocation_timeout: InvocationTimeout = "60s",
    concurrency: Concurrency = CONCURRENCY,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    quiet: arguments.Quiet = False,
    debug: arguments.Debug = False,
) -> None:
    """Score a file now with a model that answers at once, without a stack; the exit code says how it went.

    For a file that you wait for, and to try a model: a real-time or serverless endpoint, or a container at hand.
    Columns, rejected rows, order and exit codes are those of `tailrace submit`.

    Examples:
      tailrace score sales.csv --model-url http://127.0.0.1:8080 --keep id --output scored.csv

      zcat today.csv.gz | tailrace score - --endpoint demand-live --rejects rejects.csv > scored.csv
    """
    environment = of(context)
    score_request = ScoreRequest(
        sources=sources,
        output=environment.data() if output == _STDOUT else output,
        endpoint=endpoint,
        model_url=model_url,
        rejects=rejects,
        safe_csv=safe_csv,
        clobber=not no_clobber,
        concurrency=concurrency,
        say=lambda text: environment.say(f"tailrace: {text}"),
        options=SubmitOptions(
            header=header,
            keep=_names(keep),
            join=join,
            drop=_names(drop),
            send=_names(send),
            output_columns=_names(output_columns),
            chunk_rows=chunk_rows,
            chunk_bytes=None if chunk_bytes is None else size_bytes(chunk_bytes),
            on_bad_row=on_bad_row,
            na=_names(na),
            max_attempts=max_attempts,
            max_rejects=max_rejects,
            split_budget=split_budget,
            deadline_s=duration_s(deadline),
            output_type=output_type,
            canaries=canaries,
            echo=echo,
            request=request,
            request_template=request_template,
            content_type=content_type,
            accept=accept,
            pattern=pattern,
            source_format=source_format,
            recipe=recipe,
            invocation_timeout_s=int(duration_s(invocation_timeout)),
        ),
    )
    raise typer.Exit(
        _run(
            environment,
            score_request,
            settings={"profile": profile, "region": region, "endpoint_url": endpoint_url},
            to_stdout=output == _STDOUT,
            json=json_,
            quiet=quiet,
            debug=debug,
        )
    )


def _run(
    environment: Environment,
    request: ScoreRequest,
    *,
    settings: dict[str, str | None],
    to_stdout: bool,
    json: bool,
    quiet: bool,
    debug: bool,
) -> int:
    from tailrace.cli.reports import score_reports  # noqa: PLC0415 - needed at the end
    from tailrace.scoring.run_state import ScoringError  # noqa: PLC0415 - as above

    def connect() -> Boto3Connection:
        from tailrace.scoring.endpoint_invoker import model_connection  # noqa: PLC0415 - a container needs no AWS

        session = session_of(settings["profile"], settings["region"])
        region, address = settings["region"], settings["endpoint_url"]
        return model_connection(session=session, region=region, endpoint_url=address, concurrency=request.concurrency)

    put_json = environment.say_json if to_stdout else environment.put_json
    try:
        with reporting(environment, quiet=quiet) as report:
            done = request.run(connect, on_progress=report, stdin=environment.stdin)
        environment.stdout.flush()
    except ScoringError as exc:
        if debug:
            raise
        environment.say(f"tailrace: {printable(exc.message)}")
        for hint in score_reports.hints(exc.job):
            environment.say(f"first aid: {hint}")
        if json:
            put_json(job_reports.as_json(score_reports.failed_fields(exc.job)))
        return exit_codes.of_job(exc.job)
    if json:
        put_json(job_reports.as_json(score_reports.fields(done)))
    if not quiet:
        environment.say(score_reports.summary(done))
    return exit_codes.of_state(done.state)


def _names(text: str | None) -> tuple[str, ...]:
    return () if text is None else parse_names(text)
