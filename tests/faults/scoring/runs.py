"""Random runs of `tailrace score` against a server that misbehaves: ``make torture SCORE=1``."""

from __future__ import annotations

import io
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tailrace.progress import silent
from tailrace.scoring.container_invoker import ContainerInvoker
from tailrace.scoring.file_scorer import FileScorer, Targets
from tailrace.scoring.result import Scored
from tailrace.scoring.run_state import Clock, RunState, ScoringError
from tailrace.sources.source import Source
from tailrace_core.csv_text.rejects import Reject, read_rejects
from tailrace_core.jobs.model import JobState
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import planner_for
from tests.faults.dataset import Dataset
from tests.faults.random_runs import RandomRun
from tests.faults.scoring.server import FaultyModel, serving

HANG_S, TIMEOUT_S = 5.0, 4.0
"""A busy machine answers within the time-out; what hangs does not."""


@dataclass
class VirtualTime:
    """Time that passes only while somebody waits."""

    now_s: float = 1_000.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        with self.lock:
            self.now_s += seconds
        return event.is_set()

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, self.wait)


@dataclass(frozen=True)
class Outcome:
    """The end of a run."""

    state: JobState
    output: bytes
    rejects: tuple[Reject, ...]
    scored: Scored | None
    reason: str | None = None


def score_over(url: str, data: Dataset, options: SubmitOptions, *, concurrency: int, seed: str) -> Outcome:
    """Score a dataset with the model at ``url``."""
    output, rejected = io.BytesIO(), io.BytesIO()
    with Source.open([io.BytesIO(data.text)], header=options.header) as source:
        planner = planner_for(source.columns, source.header, options, endpoint_name="container")
        clock = VirtualTime().clock
        state = RunState(f"run{seed}", planner.settings, clock, deadline_s=options.deadline_s)
        invoker = ContainerInvoker(url, accept=options.accept, timeout_s=TIMEOUT_S)
        scorer = FileScorer(
            invoker=invoker,
            state=state,
            clock=clock,
            concurrency=concurrency,
            on_progress=silent,
            random_source=random.Random(seed),
        )
        try:
            done = scorer.score(source, planner, Targets(output=output, rejects=rejected))
        except ScoringError as exc:
            state_then = exc.job.outcome or exc.job.state
            return Outcome(state_then, output.getvalue(), _read_rejects(rejected), None, exc.message)
        finally:
            invoker.close()
    return Outcome(done.state, output.getvalue(), _read_rejects(rejected), done)


def _read_rejects(file: io.BytesIO) -> tuple[Reject, ...]:
    _, _, rows = file.getvalue().partition(b"\n")
    return tuple(read_rejects(rows))


@dataclass(frozen=True)
class ScoringRun:
    """One random run, determined by its seed."""

    seed: str
    data: Dataset
    options: SubmitOptions
    share: float
    concurrency: int

    @classmethod
    def of(cls, seed: str) -> ScoringRun:
        """Draw a run."""
        drawn = RandomRun.of(seed)
        source = random.Random(f"score {seed}")
        share = source.choice((0.0, 0.2, 0.5, 0.9))
        return cls(seed, drawn.data, drawn.options, share, source.choice((1, 2, 4)))

    def play(self) -> tuple[Outcome, FaultyModel]:
        """Run; raise AssertionError if it ends wrongly."""
        faulty = FaultyModel(self.seed, self.share, self.data.answering, hang_s=HANG_S)
        with serving(faulty) as url:
            found = score_over(url, self.data, self.options, concurrency=self.concurrency, seed=self.seed)
        self._check(found)
        return found, faulty

    def _check(self, found: Outcome) -> None:
        data = self.data.refusing({each.row for each in found.rejects if not each.isolated})
        if found.state is JobState.FAILED and any(b"fatal" in row.value for row in data.rows):
            # A row that always answers 500, and no sign that the model works: an operator's case.
            return
        assert found.state is data.final_state, f"{self.seed}: {found.state}, {found.reason}"
        # A failed run may have written rows to a stream; they are right, and its exit code says the rest.
        assert data.result.startswith(found.output)
        if found.state is not JobState.FAILED:
            assert found.output == data.result
            assert [(each.row, each.record) for each in found.rejects] == data.rejected
            assert found.scored is not None
            assert found.scored.rows_rejected == len(found.rejects)
            assert found.scored.rows == len(data.rows)


def play_scoring(seconds: float, seed: str, only: int | None = None) -> int:
    """Play runs until the time is over or one ends wrongly; return 1 for the latter."""
    until, number = time.monotonic() + seconds, 0 if only is None else only
    totals: Counter[str] = Counter()
    while time.monotonic() < until:
        run = ScoringRun.of(f"{seed}:{number}")
        try:
            found, faulty = run.play()
        except AssertionError as exc:
            again = f"make torture SCORE=1 SEED={seed} ONLY={number}"
            print(f"run {number} ended wrongly: {exc}\n{run}\nreplay it: {again}")
            return 1
        totals += Counter({"runs": 1, f"ended {found.state}": 1, "requests": sum(faulty.attempts.values())})
        totals += Counter({str(kind): count for kind, count in faulty.seen.items()})
        if only is not None:
            break
        number += 1
    print(", ".join(f"{name}: {count}" for name, count in totals.items()))
    return 0
