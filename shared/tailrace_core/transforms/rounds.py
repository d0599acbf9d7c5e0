"""Rounds: one transform job each, with the names of the job and of its objects.

Round 0 takes every input of a sealed job. A later round takes the inputs that a manifest lists: the
children of splits and the retries. The location of a chunk's output names its round, so the ledger
records with an attempt the round that it belongs to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects import keys

MAX_ROUNDS = 200
"""Most rounds of a job. Halving 50,000 rows takes 16; each round costs the start of an instance."""

_NAME = r"tailrace-([0-7][0-9a-hjkmnp-tv-z]{25})-r(0|[1-9][0-9]{0,2})"
"""Names of transform jobs hold letters, digits and hyphens, 63 at most."""
_OUTPUTS = f"{keys.OUTPUTS}transform/"


def transform_job_name(job_id: str, number: int) -> str:
    """Return the name of a round's transform job.

    The same round has the same name always: a second CreateTransformJob finds the job in use.
    """
    return f"tailrace-{job_id.lower()}-r{number}"


def parse_transform_job_name(name: str) -> tuple[str, int] | None:
    """Return the job id and the round; None for the name of a transform job that is not ours."""
    match = re.fullmatch(_NAME, name)
    return None if match is None else (match[1].upper(), int(match[2]))


def input_prefix(job_id: str) -> str:
    """Return the prefix of all inputs of a job, with its slash."""
    return f"v1/jobs/{job_id}/input/"


def manifest_key(job_id: str, number: int) -> str:
    """Return the key of the manifest of a later round."""
    return f"v1/jobs/{job_id}/rounds/{number}.json"


def output_prefix(job_id: str, number: int) -> str:
    """Return the prefix of a round's outputs, with its slash."""
    return f"{_OUTPUTS}{job_id}/{number}/"


def output_key(job_id: str, number: int, rows: RowRange) -> str:
    """Return the key at which a round stores the answer to a chunk's input."""
    return output_candidates(job_id, number, rows)[0]


def output_candidates(job_id: str, number: int, rows: RowRange) -> tuple[str, ...]:
    """Return all keys at which AWS may store the answer, the likeliest first.

    AWS's documentation shows the name below the prefix for one object, and "a corresponding
    subfolder" for others.
    """
    prefix, inputs = output_prefix(job_id, number), input_prefix(job_id)
    name = keys.input_key(job_id, rows).removeprefix(inputs)
    return tuple(f"{prefix}{folder}{name}.out" for folder in ("", inputs, "input/"))


def round_of(location: str | None) -> int | None:
    """Return the round that an output's location belongs to; None if it is none of a round."""
    match = re.search(rf"/{_OUTPUTS}[0-9A-Z]{{26}}/([0-9]{{1,3}})/", location or "")
    return None if match is None else int(match[1])


def manifest(bucket: str, job_id: str, ranges: Iterable[RowRange], witnesses: Iterable[RowRange] = ()) -> bytes:
    """Return the manifest of a round with the inputs of these chunks, in the order of the rows.

    The witnesses come last: where one is answered, the job did not break off before the others.
    """
    prefix = input_prefix(job_id)
    last = sorted(set(witnesses))
    listed = [*sorted(set(ranges) - set(last)), *last]
    names = [keys.input_key(job_id, each).removeprefix(prefix) for each in listed]
    return json.dumps([{"prefix": f"s3://{bucket}/{prefix}"}, *names]).encode()


def read_manifest(body: bytes) -> frozenset[RowRange]:
    """Return the ranges that a manifest lists.

    Raises:
        ValueError: the text is no manifest of a round.
    """
    return frozenset(RowRange.parse(name.removesuffix(".csv")) for name in json.loads(body)[1:])
