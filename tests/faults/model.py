"""The simulated model: a pure function of the rows' bytes, so that the right answer is known."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.faults.answering import PAGE, Answering, disordered

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

BAD_REQUEST = (
    "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs in your account for more "
    "information."
)
SERVER_ERROR = (
    "ClientError: Received server error (500) from model. See the SageMaker Endpoint logs in your account for more "
    "information."
)
USUAL = Answering()


@dataclass(frozen=True, slots=True)
class Answered:
    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str
    body: bytes


def is_bad(record: bytes) -> bool:
    """Tell whether no attempt can get a prediction for the record."""
    return any(word in record for word in (POISON, MISSING, SWALLOWED, FATAL, PAGE))


def rows_of(body: bytes) -> bytes:
    """Return the rows of a request as lines; in JSON each is an object with the column ``x``."""
    if not body.startswith(b'{"instances": ['):
        return body
    instances = json.loads(body, parse_int=str, parse_float=str)["instances"]
    assert all(each.keys() == {"x"} for each in instances)
    return b"".join(str(each["x"]).encode() + b"\n" for each in instances)


def score(body: bytes, attempt: int, answering: Answering = USUAL) -> Answered | Refused:
    """Answer a request's body like the container, which takes lines of CSV, and instances in JSON."""
    body = rows_of(body)
    if POISON in body or MISSING in body or body.count(QUARREL) > 1:
        return Refused(BAD_REQUEST, b"cannot parse a row")
    if FATAL in body or (FLAKY in body and attempt == 1):
        return Refused(SERVER_ERROR, b"worker died")
    lines = body.splitlines()
    if PAGE in body:
        return Answered(answering.page(body, len(lines)))
    shy = [line for line in lines if SHY in line]
    scored = [line for line in lines if (SHY not in line or line == shy[0]) and SWALLOWED not in line]
    return Answered(answering.write(disordered(scored) if len(lines) > 1 else scored))
