"""The model: a pure function of the rows' bytes, so that everybody knows what is right."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

POISON = b"poison"
"""The container refuses every request that holds such a row: 400."""
SWALLOWED = b"swallow"
"""No line comes back for such a row, and no error."""
FLAKY = b"flaky"
"""A request that holds such a row fails with 500 at the first attempt."""
FATAL = b"fatal"
"""A request that holds such a row fails with 500 at every attempt."""

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
    """The prediction for one sent record, without its line end."""
    return b"%d" % zlib.crc32(record)


def is_bad(record: bytes) -> bool:
    """Whether no prediction for the record can be had, whatever is tried."""
    return POISON in record or SWALLOWED in record or FATAL in record


def score(body: bytes, attempt: int) -> Answered | Refused:
    """What the container answers to a request's body."""
    if POISON in body:
        return Refused(BAD_REQUEST, b"cannot parse a row")
    if FATAL in body or (FLAKY in body and attempt == 1):
        return Refused(SERVER_ERROR, b"worker died")
    lines = body.splitlines()
    return Answered(b"".join(prediction(line) + b"\n" for line in lines if SWALLOWED not in line))
