"""One invocation as a value: a content type and a body in, a status and a body out. No sockets."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING

from tailrace_local.model import records
from tailrace_local.model.regressor import formatted

if TYPE_CHECKING:
    from tailrace_local.model.regressor import Regressor

CSV = "text/csv"
_CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")
_ACCEPTED = (CSV, "text/*", "*/*")


@dataclass(frozen=True)
class Answer:
    """What goes back; a `body` with a status from 400 on is a message for people. `rows` were scored."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    rows: int = 0


def refused(status: int, message: str) -> Answer:
    """An answer that says why there is no prediction."""
    return Answer(status, f"{message}\n".encode())


def answer(regressor: Regressor, body: bytes, content_type: str, accept: str) -> Answer:
    """Scores the rows of a body: 200, 204 without rows, 400 for a row that cannot be read, 406 and 415 for types."""
    problem = _refusal(content_type, accept)
    if problem:
        return problem
    try:
        columns = records.parse(body)
    except records.RowError as error:
        return refused(400, str(error))
    if not len(columns):
        return Answer(204)
    return Answer(200, formatted(regressor.predict(columns)), f"{CSV}; charset=utf-8", len(columns))


def _refusal(content_type: str, accept: str) -> Answer | None:
    sent = Message()
    sent["Content-Type"] = content_type or "application/octet-stream"
    charset = sent.get_content_charset("utf-8")
    if sent.get_content_type() != CSV or charset not in _CHARSETS:
        return refused(415, f"content type {content_type!r} is not {CSV} in UTF-8; send rows as {CSV}")
    wanted = [choice.split(";")[0].strip().lower() for choice in accept.split(",")]
    if accept.strip() and not set(wanted) & set(_ACCEPTED):
        return refused(406, f"the model answers {CSV}, not {accept!r}; accept {CSV}")
    return None
