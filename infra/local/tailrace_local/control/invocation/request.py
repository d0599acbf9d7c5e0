"""A request to the model server: the first rows of a file, as a submit would send them."""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tailrace.sources.record_source import open_records
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import JobSettings
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import Seal, planner_for
from tailrace_local.errors import ModelServerError

_PATH = "/invocations"


@dataclass(frozen=True, slots=True)
class SentRows:
    """The body of a request.

    Attributes:
        body: the rows as the model gets them, with the header if it is repeated.
        rows: number of rows, without the header.
        rejected: rows that were not sent, as the model's reader would break on them.
        settings: the settings of a job with these options.
    """

    body: bytes
    rows: int
    rejected: int
    settings: JobSettings


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A model server's answer; `headers` in the order in which it sent them."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float

    def header(self, name: str) -> str | None:
        """Return the value of a header, whatever the case of its name."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), None)

    @property
    def headers_bytes(self) -> int:
        """Size of all headers as sent, each with its colon, blank and line end."""
        return sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)


def first_chunk(name: str, options: SubmitOptions) -> SentRows:
    """Return the first chunk that a submit of the file with these options sends.

    Raises:
        InputError: the file cannot be read, the options do not fit it, or none of its rows is sent.
    """
    stdin = getattr(sys.stdin, "buffer", None)
    with open_records([name], header=options.header, stdin=stdin, source_format=options.source_format) as source:
        planner = planner_for(
            source.columns, source.header, options, endpoint_name="local", source_format=source.source_format
        )
        reason = "it has no rows"
        for plan in planner.plan(source.blocks(), source.describe_position, source.known_rejects):
            if isinstance(plan, Seal):
                break
            if plan.rows_sent:
                return SentRows(b"".join(plan.input), plan.rows_sent, len(plan.rejected), planner.settings)
            reason = plan.rejected[0].reason
    raise InputError(f"no row of {name} can be sent to the model: {reason}")


def send(url: str, sent: SentRows, *, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> ModelAnswer:
    """Send `POST /invocations` as the endpoint does, and return the answer.

    Raises:
        ModelServerError: the server gave no complete answer in time.
    """
    parts = urlsplit(url)
    began = clock()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    headers = {"Content-Type": sent.settings.content_type, "Accept": sent.settings.accept}
    try:
        connection.request("POST", _PATH, sent.body, headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise ModelServerError(
            f"the model server at {url} gave no complete answer within {timeout_s:g} s ({error!r}): "
            "see `tailrace local logs`"
        ) from error
    finally:
        connection.close()
    return ModelAnswer(response.status, tuple(response.getheaders()), body, clock() - began)
