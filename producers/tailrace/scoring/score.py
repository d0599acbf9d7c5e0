"""Scores a file with a model that answers at once: `tailrace.score`."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, Unpack

from tailrace.progress.showing import showing
from tailrace.scoring.score_keywords import ScoreKeywords, submit_options
from tailrace.scoring.score_request import CONCURRENCY, ScoreRequest

if TYPE_CHECKING:
    from tailrace.aws.connections import Boto3Connection
    from tailrace.progress import ShowProgress
    from tailrace.scoring.result import Scored
    from tailrace.sources.names import Names


def score(
    sources: Names,
    *,
    output: str | os.PathLike[str] | IO[bytes],
    endpoint: str | None = None,
    model_url: str | None = None,
    rejects: str | os.PathLike[str] | IO[bytes] | None = None,
    safe_csv: bool = False,
    clobber: bool = True,
    concurrency: int = CONCURRENCY,
    progress: ShowProgress = None,
    stdin: IO[bytes] | None = None,
    session: Any = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    **options: Unpack[ScoreKeywords],
) -> Scored:
    """Score a file with a model that answers at once, without a stack, and write the result.

    For a file that someone waits for, and to try a model. The rules are those of a job: every row
    is accounted for, in order; a bad row costs one row; what is written is byte for byte what
    `Tailrace.submit` and a download would write. Memory holds about ``2 * concurrency + 1`` chunks.

    Args:
        sources: What `Tailrace.submit` takes: a path, a pattern, an ``s3://`` address, ``-`` for
            standard input, a binary stream, bytes of CSV, a table, or a list of these.
        output: The file for the result, a stream, ``-`` for standard output, or an ``s3://``
            address. A file appears whole or not at all; a name that ends in ``.gz`` or ``.zst`` is
            compressed. A stream gets the rows in order as they are scored.
        endpoint: The name of a real-time or serverless endpoint of SageMaker.
        model_url: Instead, the address of a server with SageMaker's container contract
            (``POST /invocations``, ``GET /ping``), such as ``http://127.0.0.1:8080``.
        rejects: A file for the rejected rows: position (from 0), reason, and columns of the input.
        safe_csv: Write for a spreadsheet, see `tailrace.download.safe_csv`.
        clobber: Whether existing files may be replaced.
        concurrency: Requests at a time, 1 to 64; no more than a serverless endpoint takes.
        progress: A callback; True to show the progress, False for none; None shows it on a
            terminal and in a notebook.
        stdin: The stream that ``-`` stands for. None: the process's standard input.
        session: A `boto3.Session` with other credentials than the default ones.
        region: The region; by default the session's, then ``AWS_REGION``.
        endpoint_url: One address for all of AWS's services.
        **options: The options, see `ScoreKeywords`.

    Raises:
        InputError: an option or the input is wrong; the endpoint is missing, or asynchronous.
        ScoringError: there is no whole result: the model refuses every row or does not work, too
            many rows are rejected, or the deadline has passed. ``job`` has the counters.
        TransientError: the model's server cannot be reached at all.
        AccessDeniedError: the identity may not invoke the endpoint.
    """
    request = ScoreRequest(
        sources=sources,
        output=output,
        endpoint=endpoint,
        model_url=model_url,
        rejects=rejects,
        safe_csv=safe_csv,
        clobber=clobber,
        concurrency=concurrency,
        options=submit_options(options),
    )
    with showing(progress) as report:
        return request.run(
            lambda: _connect(session=session, region=region, endpoint_url=endpoint_url, concurrency=concurrency),
            on_progress=report,
            stdin=stdin,
        )


def _connect(**settings: Any) -> Boto3Connection:
    from tailrace.scoring.endpoint_invoker import model_connection  # noqa: PLC0415 - a container needs no AWS

    return model_connection(**settings)
