"""`tailrace local invoke`: one request straight at the model server."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tailrace_core.answers.shape import ColumnType
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError
from tailrace_core.jobs.settings import RequestFormat
from tailrace_local.cli.common import Json, StateDir, fail, put, report_errors, require_running_cloud

if TYPE_CHECKING:
    from tailrace_local.control.invocation.request import ModelAnswer, SentRows
    from tailrace_local.control.invocation.verdict import Verdict

_USAGE, _NOT_ALIGNED = 2, 1
_SHOWN_BYTES = 2_000


def invoke(
    file: Annotated[str, typer.Argument(help="CSV file, as for `tailrace submit`; - reads standard input.")],
    *,
    header: Annotated[HeaderPolicy, typer.Option(help="Treatment of the first record, as in submit.")] = (
        HeaderPolicy.STRIP
    ),
    keep: Annotated[str | None, typer.Option(metavar="A,B", help="Columns that are not sent.")] = None,
    drop: Annotated[str | None, typer.Option(metavar="A,B", help="Columns that are not sent either.")] = None,
    send: Annotated[str | None, typer.Option(metavar="A,B", help="Columns to send, in this order.")] = None,
    rows: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum number of rows to send.")] = 50_000,
    output_columns: Annotated[
        str, typer.Option(metavar="A,B", help="Names of the columns that the model returns.")
    ] = "prediction",
    output_type: Annotated[ColumnType | None, typer.Option(help="Type of every output column.")] = None,
    request: Annotated[RequestFormat, typer.Option(help="Format of the rows sent, as in submit.")] = RequestFormat.CSV,
    request_template: Annotated[
        str | None, typer.Option(metavar="JSON", help="The request for one row in JSON, as in submit.")
    ] = None,
    content_type: Annotated[str, typer.Option(help="MIME type of the rows sent to the model.")] = "text/csv",
    accept: Annotated[str, typer.Option(help="MIME type of the model's response.")] = "text/csv",
    timeout: Annotated[float, typer.Option(help="Seconds that the model may take.")] = 60.0,
    json_: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Send the first rows of a file to the model server; show its answer, and what becomes of it.

    Takes the options of submit that decide what the model gets and must answer. The request does
    not pass the asynchronous endpoint. Exit status 0 only if the answer holds one prediction for
    each row. Their order is not proved: see `--canaries` of submit.

    Example: `tailrace local invoke rows.csv --keep id --header repeat`
    """
    # Slow to import, and no other command needs them.
    from tailrace_core.csv_text.headers import parse_names  # noqa: PLC0415
    from tailrace_core.submission.options import SubmitOptions  # noqa: PLC0415
    from tailrace_local.control.invocation.request import first_chunk  # noqa: PLC0415
    from tailrace_local.control.invocation.request import send as send_rows  # noqa: PLC0415
    from tailrace_local.control.invocation.verdict import judge  # noqa: PLC0415
    from tailrace_local.control.model_restart import model_url  # noqa: PLC0415

    try:
        options = SubmitOptions(
            header=header,
            keep=parse_names(keep) if keep else (),
            drop=parse_names(drop) if drop else (),
            send=parse_names(send) if send else (),
            chunk_rows=rows,
            output_columns=parse_names(output_columns),
            output_type=output_type,
            request=request,
            request_template=request_template,
            content_type=content_type,
            accept=accept,
        )
        sent = first_chunk(file, options)
    except InputError as error:
        fail(error.message, code=_USAGE)
    facts = require_running_cloud(state_dir)
    with report_errors():
        url = model_url(facts)
        answer = send_rows(url, sent, timeout_s=timeout)
    verdict = judge(answer, sent)
    if json_:
        typer.echo(json.dumps(fields(url, sent, answer, verdict)))
    else:
        for line in lines(url, sent, answer, verdict):
            put(line)
    if not verdict.aligned:
        raise typer.Exit(_NOT_ALIGNED)


def fields(url: str, sent: SentRows, answer: ModelAnswer, verdict: Verdict) -> dict[str, Any]:
    """Return the request, the answer and the verdict as a JSON object.

    `answer` is text; `answer_base64` replaces it where the bytes are not UTF-8.
    """
    try:
        body = {"answer": answer.body.decode()}
    except UnicodeDecodeError:
        body = {"answer_base64": base64.b64encode(answer.body).decode()}
    return {
        "url": url,
        "rows_sent": sent.rows,
        "rows_rejected": sent.rejected,
        "status": answer.status,
        "headers": [list(each) for each in answer.headers],
        "seconds": round(answer.seconds, 3),
        **body,
        "aligned": verdict.aligned,
        "why": verdict.why,
        "then": verdict.then,
        "format": verdict.format,
        "columns": [{"name": name, "type": kind} for name, kind in verdict.columns],
        "advice": list(verdict.hints),
    }


def lines(url: str, sent: SentRows, answer: ModelAnswer, verdict: Verdict) -> list[str]:
    """Describe the request, the answer and the verdict for people."""
    body = answer.body[:_SHOWN_BYTES].decode(errors="backslashreplace")
    more = len(answer.body) - _SHOWN_BYTES
    return [
        f"sent       {sent.rows} row(s), {len(sent.body)} bytes of {sent.settings.content_type}, to {url}/invocations",
        *([f"rejected   {sent.rejected} row(s) before sending"] if sent.rejected else []),
        f"status     {answer.status} after {answer.seconds:.2f} s",
        *(f"header     {name}: {value}" for name, value in answer.headers),
        *(f"answer     {line}" for line in body.splitlines()),
        *([f"           … and {more} bytes more"] if more > 0 else []),
        f"aligned    {'yes' if verdict.aligned else 'no'}: {verdict.why}",
        *([f"then       Tailrace would {verdict.then}"] if verdict.then else []),
        *([f"format     {verdict.format}"] if verdict.format else []),
        *(f"column     {name}: {kind}" for name, kind in verdict.columns),
        *(f"first aid  {hint}" for hint in verdict.hints),
    ]
