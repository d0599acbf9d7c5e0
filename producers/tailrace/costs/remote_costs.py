"""The arithmetic of a job that is cut in the cloud: time, calls, money, and the services' limits.

``python -m tailrace.costs.remote_costs`` prints it as a table. The speed of the model is known only
to its owner; the speeds of the functions are measured (docs/at-scale.md).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tailrace.costs.cost_model import CHUNK, GB, Line, Usage, Workload, handling_costs
from tailrace.costs.prices import PRICES, Prices
from tailrace.costs.report import table
from tailrace_core.jobs.model import JobSettings
from tailrace_core.ledger.writes import MAX_OPENED
from tailrace_core.submission.striping.runs import COUNTED_TOGETHER, CUT_TOGETHER

MIB = 1024 * 1024
STRIPE_BYTES = 128 * MIB
STATES_OF_A_RUN = 2
"""State transitions of a run of stripes in a map: its child starts, runs one task, ends."""
STATES_OF_A_JOB = 8
COUNT_GETS, COUNT_PUTS = 3, 1
"""Requests for a run that is counted: the first bytes of its object, which tell if it is compressed,
its stripes, and their counts, which are stored and read."""
CUT_GETS = 1
ITEM_WRITES = 500
"""Transactional writes a second that one item takes: 1,000 units, and each costs two."""
PARTITION_UNITS = 1_000
"""Write units a second of one partition of a table."""
TRANSITIONS = 800
"""State transitions a second that an account has in most regions, at first."""
TB = 1_000 * GB
ANSWER_BYTES = Workload.answer_bytes
MINUTE_S, HOUR_S = 60, 3_600
MAX_CHILDREN = 10_000
"""Children of a Distributed Map at once, at most."""


@dataclass(frozen=True, kw_only=True)
class RemoteWork:
    """Objects to cut in the cloud; sizes in bytes, speeds in bytes a second for one function."""

    size_bytes: int = 1_000_000_000_000
    row_bytes: int = 100
    functions: int = 40
    function_gb: float = 1.769
    """Memory of CountStripe and CutStripe: with so much, Lambda gives a whole processor."""
    count_speed: float = 120e6
    cut_speed: float = 40e6
    instances: int = 20
    rows_per_second: float = 5_000.0
    """Speed of one instance of the model."""

    def __post_init__(self) -> None:
        if not 1 <= self.functions <= MAX_CHILDREN:
            raise ValueError(f"functions is {self.functions}: a map runs 1 to {MAX_CHILDREN} at once")

    @property
    def stripes(self) -> int:
        """How many stripes the objects have."""
        return math.ceil(self.size_bytes / STRIPE_BYTES)

    @property
    def rows(self) -> int:
        """How many rows the objects hold."""
        return self.size_bytes // self.row_bytes

    @property
    def chunks(self) -> int:
        """How many chunks the stripes are cut into, each by itself."""
        limits = JobSettings(endpoint_name="any")
        rows = min(limits.chunk_rows, limits.chunk_bytes // self.row_bytes)
        return self.stripes * math.ceil(min(STRIPE_BYTES, self.size_bytes) / self.row_bytes / rows)

    @property
    def count_s(self) -> float:
        """Seconds until all is counted."""
        return self._map_s(COUNTED_TOGETHER, self.count_speed)

    @property
    def cut_s(self) -> float:
        """Seconds until all is cut."""
        return self._map_s(CUT_TOGETHER, self.cut_speed)

    @property
    def count_runs(self) -> int:
        """How many runs of neighbouring stripes are counted, each by one call."""
        return math.ceil(self.stripes / COUNTED_TOGETHER)

    @property
    def cut_runs(self) -> int:
        """How many runs of neighbouring stripes are cut, each by one call."""
        return math.ceil(self.stripes / CUT_TOGETHER)

    def _map_s(self, together: int, speed: float) -> float:
        """Return the seconds of a map, in which each function takes one run after the other."""
        rounds = math.ceil(math.ceil(self.stripes / together) / self.functions)
        return rounds * min(together * STRIPE_BYTES, self.size_bytes) / speed

    @property
    def model_s(self) -> float:
        """Seconds that the model takes for all rows."""
        return self.rows / self.rows_per_second / self.instances

    @property
    def job_item_writes(self) -> float:
        """Writes a second to the job's item while stripes are cut."""
        chunks = self.chunks / self.stripes * min(CUT_TOGETHER, self.stripes)
        return math.ceil(chunks / MAX_OPENED) * self.cut_runs / self.cut_s

    @property
    def ledger_s(self) -> float:
        """Seconds that the ledger needs at least: the items of a job share a key, hence its units.

        DynamoDB may spread the items of a key over several partitions; nothing here relies on it.
        """
        return self.chunks * CHUNK.write_units / PARTITION_UNITS

    @property
    def state_transitions(self) -> int:
        """How many state transitions of a standard workflow there are."""
        return (self.count_runs + self.cut_runs) * STATES_OF_A_RUN + STATES_OF_A_JOB


def cutting_costs(work: RemoteWork, prices: Prices) -> Iterator[Line]:
    """Yield the costs of counting and cutting; those of the chunks come on top."""
    runs = work.count_runs + work.cut_runs
    seconds = work.size_bytes / work.count_speed + work.size_bytes / work.cut_speed
    gets = work.count_runs * COUNT_GETS + work.cut_runs * CUT_GETS
    calls = Usage(gets=gets, puts=work.count_runs * COUNT_PUTS)
    transitions = work.state_transitions
    yield "state transitions", f"{transitions:,}", transitions * prices.state_transitions_million / 1_000_000
    yield (
        "CountStripe, CutStripe",
        f"{runs:,} runs, {seconds:,.0f} s of {work.function_gb:g} GB",
        seconds * work.function_gb * prices.function_gb_second + Usage(function_runs=runs).cost(prices),
    )
    yield (
        "reads and counts of stripes",
        f"{calls.gets + calls.puts:,} requests",
        (Usage(gets=calls.gets, puts=calls.puts).cost(prices)),
    )


def times(work: RemoteWork) -> Iterator[tuple[str, str, str]]:
    """Yield what each phase takes, and the limit that it comes near."""
    transitions = work.state_transitions / (work.count_s + work.cut_s)
    yield "count", _duration(work.count_s), f"{work.functions} of 10,000 children of a map"
    yield (
        "cut",
        _duration(work.cut_s),
        ", ".join(
            (
                f"{work.job_item_writes:.1f} of {ITEM_WRITES} writes a second to the job's item",
                f"{transitions:.0f} of {TRANSITIONS} state transitions a second",
            )
        ),
    )
    yield (
        "score",
        _duration(work.model_s),
        f"at least {_duration(work.ledger_s)} for the ledger's {work.chunks * CHUNK.write_units:,} write units",
    )


def report(work: RemoteWork, prices: Prices) -> str:
    """Return the tables of one workload in Markdown."""
    size = f"{work.size_bytes / TB:g} TB" if work.size_bytes >= TB else f"{work.size_bytes / GB:g} GB"
    rows = [f"| {phase} | {takes} | {limit} |" for phase, takes, limit in times(work)]
    head = f"{size} in {work.rows:,} rows: {work.stripes:,} stripes, {work.chunks:,} chunks"
    lines = [*cutting_costs(work, prices), *handling_costs(work.chunks, prices), *_model(work, prices)]
    return "\n".join(
        (
            head,
            "",
            f"| {work.functions} functions, {work.instances} instances | time | of the limits |",
            "| --- | --- | --- |",
            *rows,
            "",
            table(f"{size} of rows", iter(lines), prices.currency),
        )
    )


def _model(work: RemoteWork, prices: Prices) -> Iterator[Line]:
    hours = work.model_s * work.instances / 3_600
    yield "instances at work", f"{hours:,.0f} h", hours * prices.instance_hour
    moved_gb = (work.size_bytes + work.rows * ANSWER_BYTES) / GB
    yield "data through the endpoint", f"{moved_gb:,.0f} GB", moved_gb * prices.inference_gb


def _duration(seconds: float) -> str:
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE_S:.0f} min" if seconds < 2 * HOUR_S else f"{seconds / HOUR_S:.1f} h"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; return 2 for numbers that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m tailrace.costs.remote_costs", description=__doc__)
    parser.add_argument("--region", choices=sorted(PRICES), default="eu-west-1", help="region of the prices")
    options = (
        ("size_bytes", float, "bytes of the objects"),
        ("row_bytes", int, "bytes of a row"),
        ("functions", int, "the stack's CuttingConcurrency"),
        ("count_speed", float, "bytes a second that one CountStripe counts"),
        ("cut_speed", float, "bytes a second that one CutStripe cuts and stores"),
        ("instances", int, "instances of the model"),
        ("rows_per_second", float, "rows a second that one instance scores"),
    )
    for name, kind, text in options:
        default = getattr(RemoteWork, name)
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=kind, default=default, help=f"{text} (default: {default:g})")
    asked = vars(parser.parse_args(arguments))
    prices = PRICES[asked.pop("region")]
    try:
        work = RemoteWork(**{**asked, "size_bytes": int(asked["size_bytes"])})
    except ValueError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    sys.stdout.write(report(work, prices) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
