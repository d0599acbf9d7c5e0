"""Job ids and inference ids: the id that the service echoes locates the chunk for a consumer."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass

from tailrace_core.jobs.ranges import RowRange

_JOB_ID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
"""A ULID in Crockford's base 32."""

_INFERENCE_ID = rf"({_JOB_ID})\.(0|[1-9][0-9]{{0,11}})\.([1-9][0-9]{{0,12}})\.([1-9][0-9]{{0,5}})"

MAX_ATTEMPT = 999_999
"""The highest attempt number of a chunk; the job's deadline comes long before."""


def new_ulid() -> str:
    """Return a new ULID, the id of a job."""
    # By hand: the package `ulid` takes longer to import than most calls take.
    number = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10))
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> shift & 31] for shift in range(125, -1, -5))


@dataclass(frozen=True, slots=True)
class InferenceId:
    """Id of one attempt of a chunk: ``<job_id>.<first_row>.<rows>.<attempt>``.

    It takes at most 59 of the 64 characters that SageMaker allows.
    """

    job_id: str
    range: RowRange
    attempt: int

    def __post_init__(self) -> None:
        if not 1 <= self.attempt <= MAX_ATTEMPT:
            raise ValueError(f"attempts are counted from 1 to {MAX_ATTEMPT}: {self.attempt}")

    def __str__(self) -> str:
        return f"{self.job_id}.{self.range.first_row}.{self.range.rows}.{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> InferenceId | None:
        """Parse an id; None for one that is not Tailrace's: others may use the same endpoint."""
        match = re.fullmatch(_INFERENCE_ID, text)
        if match is None:
            return None
        try:
            return cls(match[1], RowRange(int(match[2]), int(match[3])), int(match[4]))
        except ValueError:  # the range ends beyond the highest row
            return None
