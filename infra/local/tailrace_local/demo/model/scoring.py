"""Scores one invocation: takes a content type and a body, returns a status and a body.

No sockets.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any

from tailrace_local.demo.model.records import RowError
from tailrace_local.demo.model.stages import CSV, FormError, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping


_CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")


@dataclass(frozen=True)
class Answer:
    """The response.

    With a status from 400 on, `body` is a message for people. `rows` were scored.
    """

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    rows: int = 0


def refused(status: int, message: str) -> Answer:
    """Make a response that says why there is no prediction."""
    return Answer(status, f"{message}\n".encode())


def answer(stages: Mapping[str, Stage], regressor: Any, body: bytes, content_type: str, accept: str) -> Answer:
    """Run a stage.

    Status 200; 204 without rows; 400 for a malformed body; 406 and 415 for media types.
    """
    sent = Message()
    sent["Content-Type"] = content_type or "application/octet-stream"
    stage = stages.get(sent.get_content_type())
    if stage is None or sent.get_content_charset("utf-8") not in _CHARSETS:
        known = " or ".join(stages)
        return refused(415, f"content type {content_type!r} is not {known} in UTF-8; send rows as {known}")
    if not _accepted(stage.gives, accept):
        return refused(406, f"the model answers {stage.gives}, not {accept!r}; accept {stage.gives}")
    try:
        made, rows = stage.work(regressor, body)
    except (RowError, FormError) as error:
        return refused(400, str(error))
    if not rows:
        return Answer(204)
    return Answer(200, made, f"{CSV}; charset=utf-8" if stage.gives == CSV else stage.gives, rows)


def _accepted(given: str, accept: str) -> bool:
    wanted = {choice.split(";")[0].strip().lower() for choice in accept.split(",")}
    return not accept.strip() or bool(wanted & {given, f"{given.partition('/')[0]}/*", "*/*"})
