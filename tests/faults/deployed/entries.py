"""Ways of a random job's rows into the stack, other than by a submit that reads a local file."""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass, replace
from enum import StrEnum

from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.submission.options import SubmitOptions
from tests.faults.deployed.random_jobs import Interruption, RandomJob

_THERE = 0.6
"""Share of the jobs that are cut where they lie, of those that no fault of a producer is planned
for."""
_DROPPED = 0.6
"""Share of these whose input is a file of the inbox."""
_IN_JSON_LINES = 0.3
_ASKED_IN_JSON = 0.3
_WITHOUT_OPTIONS = 0.2
"""Share of the files of the inbox."""
_ODD_DROPS = 0.5
"""Share of the rounds in which somebody drops a file that cannot be scored."""


class Twice(StrEnum):
    """Repetition of an arrival."""

    NO = "once"
    EVENT = "its event comes again"
    FILE = "dropped again"


@dataclass(frozen=True)
class Entry:
    """Way of a job's rows: objects of a bucket, or a file of the inbox."""

    stripe_bytes: int
    dropped: bool = False
    compressed: bool = False
    twice: Twice = Twice.NO
    folder_options: bool = False
    """True if the options of a dropped file are those of its folder."""

    def stored(self, job: RandomJob) -> bytes:
        """Return the content of the object."""
        return gzip.compress(job.input.text, 1) if self.compressed else job.input.text

    def options(self, job: RandomJob) -> SubmitOptions:
        """Return the job's options."""
        return replace(job.options, stripe_bytes=self.stripe_bytes)

    def __str__(self) -> str:
        where = "dropped into the inbox" if self.dropped else "an object that the stack cuts"
        return f"{where}, stripes of {self.stripe_bytes}, compressed {self.compressed}, {self.twice}"


@dataclass(frozen=True)
class OddDrop:
    """A file of the inbox that cannot be scored: with its options, and a word of the reason."""

    options: bytes
    reason: str


_ODD = (
    OddDrop(b'{"chunk_row": 5}', "'chunk_row' is no option here"),
    OddDrop(b'{"keep": ', "is not JSON"),
    OddDrop(b'{"keep": ["nobody"]}', "nobody"),
    OddDrop(b'{"via": "realtime"}', "cannot score via realtime"),
)


def draw_way(source: random.Random, job: RandomJob) -> tuple[RandomJob, Entry | None]:
    """Draw the format of a job and the way of its rows; None for a submit that reads a local file."""
    if job.interruption is Interruption.PRODUCER_KILLED:
        return job, None
    job = _with_formats(source, job)
    if source.random() >= _THERE:
        return job, None
    dropped = source.random() < _DROPPED
    # Either repetition ends otherwise in a job that is cancelled.
    may_repeat = dropped and job.interruption is Interruption.NOTHING
    entry = Entry(
        stripe_bytes=source.choice((300, 2_000, 100_000)),
        dropped=dropped,
        compressed=source.random() < 1 / 3,
        twice=source.choice(list(Twice)) if may_repeat else Twice.NO,
        folder_options=source.random() < 1 / 3,
    )
    if dropped and source.random() < _WITHOUT_OPTIONS:
        data = replace(job.input, keyed=False, header=HeaderPolicy.STRIP, disorders={})
        job = replace(job, input=data, options=SubmitOptions())
        entry = replace(entry, stripe_bytes=job.options.stripe_bytes)
    return job, entry


def _with_formats(source: random.Random, job: RandomJob) -> RandomJob:
    """Draw the formats of the rows and of the requests; mostly both are CSV."""
    lines, asked = source.random() < _IN_JSON_LINES, source.random() < _ASKED_IN_JSON
    if not (lines or asked):
        return job
    data = replace(job.input, lines=lines, header=HeaderPolicy.STRIP)
    options = replace(job.options, header=HeaderPolicy.STRIP, keep=data.keep)
    if asked:
        options = replace(options, request=RequestFormat.JSON, request_template='{"instances": [ARRAY]}')
    return replace(job, input=data, options=options)


def draw_odd_drops(source: random.Random) -> tuple[OddDrop, ...]:
    """Draw the files that cannot be scored: one, or none."""
    return (source.choice(_ODD),) if source.random() < _ODD_DROPS else ()
