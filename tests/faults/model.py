"""The simulated model: a pure function of the rows' bytes, so that the right answer is known."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

POISON = b"poison"
"""The container refuses every request with such a row: 400."""
MISSING = b"NA"
"""The container refuses every request with such a value: 400."""
SWALLOWED = b"swallow"
"""The answer has no line for such a row, and no error."""
FLAKY = b"flaky"
"""A request with such a row fails with 500 at the first attempt."""
FATAL = b"fatal"
"""A request with such a row fails with 500 at every attempt."""
QUARREL = b"quarrel"
"""The container refuses a request with two such rows (400), and scores each alone."""
SHY = b"shy"
"""The answer to a request with two such rows has only the first, and no error; each alone is
scored."""
BUSY = b"busy"
"""The second attempt of a request with such a row is throttled, once, until its caller gives up."""
REFUSED = b"refused"
"""The second attempt of a request with such a row is refused for good; a later one is not."""

REVERSED = b"reversed"
"""The answer to a request with such a row has its lines in reverse order."""
ROTATED = b"rotated"
"""The answer to a request with such a row begins with its second line and ends with the first."""
DROPPED = b"dropped"
"""The answer to a request of several rows lacks the line of such a row, and ends with a warning
that names the line."""

BAD_REQUEST = (
    "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs in your account for more "
    "information."
)
SERVER_ERROR = (
    "ClientError: Received server error (500) from model. See the SageMaker Endpoint logs in your account for more "
    "information."
)


@dataclass(frozen=True, slots=True)
class Answered:
    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str
    body: bytes


def prediction(record: bytes) -> bytes:
    """Return the prediction for one sent record, without its line end."""
    return b"%d" % zlib.crc32(record)


def is_bad(record: bytes) -> bool:
    """Tell whether no attempt can get a prediction for the record."""
    return POISON in record or MISSING in record or SWALLOWED in record or FATAL in record


def score(body: bytes, attempt: int) -> Answered | Refused:
    """Answer a request's body like the container."""
    if POISON in body or MISSING in body or body.count(QUARREL) > 1:
        return Refused(BAD_REQUEST, b"cannot parse a row")
    if FATAL in body or (FLAKY in body and attempt == 1):
        return Refused(SERVER_ERROR, b"worker died")
    lines = body.splitlines()
    shy = [line for line in lines if SHY in line]
    lines = [line for line in lines if SHY not in line or line == shy[0]]
    answers = [prediction(line) for line in lines if SWALLOWED not in line and not (DROPPED in line and len(lines) > 1)]
    if DROPPED in body and len(lines) > 1:
        answers += [b"warning: line %d was dropped" % at for at, line in enumerate(lines) if DROPPED in line]
    if ROTATED in body:
        answers = answers[1:] + answers[:1]
    return Answered(b"".join(answer + b"\n" for answer in (answers[::-1] if REVERSED in body else answers)))
