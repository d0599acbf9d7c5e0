"""Random simulations: rows, options, the model's answers and faults, all drawn from one seed."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace

from tailrace_core.answers.shape import ColumnType
from tailrace_core.engines import Engine
from tailrace_core.jobs.model import JobState, OnParked
from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.submission.options import SubmitOptions
from tests.faults import model
from tests.faults.answering import PAGE, PAGE_TEXT, PAGES, SHOWN_BY_CANARIES, SHOWN_BY_ECHOES, Answering, Form
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.expectation import not_isolated_rows
from tests.faults.functions import Mutation, no_mutation
from tests.faults.injection import Fault, FaultKind, Schedule
from tests.faults.simulation import Simulation
from tests.faults.verdict import Report

ENGINES = (Engine.ASYNC, Engine.REALTIME, Engine.SERVERLESS)
"""The engines that are drawn."""
_GOOD = (b"1", b"22", b"333", b"4444", b"flaky")
_BAD = (b"poison", b"swallow", b"5,5", b"fatal", PAGE)
_MISSING = (b"NA", b'"NA"', b"")
"""Rows with a missing value, which `--na` may name. Without it the model refuses them; an empty one
is never sent."""
_WEIGHTS = {**dict.fromkeys(_GOOD, 8), b"flaky": 2, **dict.fromkeys(_BAD, 2), **dict.fromkeys(_MISSING, 1)}
_ONLY_PAGES = 0.04
"""Share of the simulations in which the model answers an error page to every request."""
_ECHOED, _LABELLED, _WITH_CANARIES, _IN_JSON = 0.2, 0.2, 0.4, 0.25
_OUTAGES = 0.2
"""Share of the simulations in which the endpoint is down for a while."""


@dataclass(frozen=True)
class RandomRun:
    """One random simulation, determined by its seed."""

    seed: str
    data: Dataset
    options: SubmitOptions
    faults: tuple[Fault, ...]
    notification_counts: tuple[int | None, ...]
    meanwhile: bool
    outage_s: tuple[float, float] | None
    hurries: int
    engine: Engine

    @classmethod
    def of(cls, seed: str, engine: Engine | None = None) -> RandomRun:
        """Draw a simulation, and its engine unless it is given."""
        source = random.Random(seed)
        answering = _draw_answering(source)
        canaries = source.choice((1, 2, 8)) if source.random() < _WITH_CANARIES else 0
        values = _draw_values(source, answering, canaries)
        options = _draw_options(source, answering, canaries)
        kinds = list(FaultKind)
        faults = tuple(Fault(source.randrange(300), source.choice(kinds)) for _ in range(source.randint(0, 6)))
        notification_counts = tuple(source.choice((None, 0, 1, 1, 1, 2, 3)) for _ in range(source.randint(0, 6)))
        meanwhile = source.random() < 0.5
        outage_s, hurries = None, source.choice((0, 0, 1, 5))
        if source.random() < _OUTAGES:
            # Rows that always answer 500 and late notifications of successes are left out: then
            # nothing tells an outage from bad rows, or from an endpoint that works.
            values = [value.replace(b"fatal", b"1") for value in values]
            faults, notification_counts = (), ()
            begin_s = source.choice((0.0, source.uniform(0, 30)))
            outage_s = begin_s, begin_s + source.choice((20.0, 200.0, 5_000.0))
        if random.Random(f"{seed} request").random() < _IN_JSON:
            options = replace(options, request=RequestFormat.JSON)
            # A rejected row's record has the quotes that it needs. An empty value alone is sent as null,
            # which the model would score.
            values = [value.replace(b'"NA"', b"NA") or b"NA" for value in values]
        data = Dataset.of(*values, answering=answering)
        # Drawn apart, so that a seed means the same rows and faults for each engine.
        engine = engine or random.Random(f"{seed} engine").choice(ENGINES)
        return cls(seed, data, options, faults, notification_counts, meanwhile, outage_s, hurries, engine)

    @property
    def ends(self) -> frozenset[JobState]:
        """Final states allowed besides the one that follows from the rows.

        An endpoint that fails for good may exhaust the operator too, and the job expires.
        """
        fatal = any(b"fatal" in row.value for row in self.data.rows)
        ends = {JobState.EXPIRED} if fatal or self.outage_s else set[JobState]()
        return frozenset(ends | ({JobState.FAILED} if self.options.on_parked is OnParked.FAIL else set[JobState]()))

    @property
    def drawn(self) -> Counter[str]:
        """Features of the simulation, to be counted."""
        values = [row.value for row in self.data.rows]
        return Counter(
            {
                f"via {self.engine}": 1,
                "with canaries": int(self.options.canaries > 0),
                "with an echo": int(self.options.echo is not None),
                "with --na": int(bool(self.options.na)),
                "asked in JSON": int(self.options.request is RequestFormat.JSON),
                "with text": int(self.data.answering.labels),
                "answered in JSON": int(self.data.answering.accept != "text/csv"),
                "with disordered answers": int(any(word in each for word in SHOWN_BY_ECHOES for each in values)),
                "with error pages": int(any(PAGE in each for each in values)),
            }
        )

    def run(self, mutate: Mutation = no_mutation) -> tuple[Simulation, Report]:
        """Run the simulation; raise AssertionError if it ends wrongly."""
        sim = Simulation(
            Schedule(self.faults),
            mutate,
            notification_counts=list(self.notification_counts),
            outage_s=self.outage_s,
            hurries=self.hurries,
            answering=self.data.answering,
            engine=self.engine,
        )
        return self.play(sim)

    def play(self, sim: Simulation) -> tuple[Simulation, Report]:
        """Play the job in a simulation that was just made; raise AssertionError if it ends wrongly."""
        job_id = sim.submit_until_done(self.data.text, self.options, meanwhile=self.meanwhile)
        sim.drain()
        return self.check(sim, job_id)

    def check(self, sim: Simulation, job_id: str) -> tuple[Simulation, Report]:
        """Check the job when all is at rest; raise AssertionError if it ended wrongly."""
        self._check_sent(sim)
        job, data = sim.job(job_id), self._with_not_isolated(sim, job_id)
        may_park = self.options.on_parked is OnParked.WAIT
        assert may_park or not job.times_parked, f"it was to fail, and not to park: {job}"
        return sim, check(sim, job_id, data, expected=job.state if job.state in self.ends else None)

    def _with_not_isolated(self, sim: Simulation, job_id: str) -> Dataset:
        """Return the rows; good ones that the spent split budget cost count as refused.

        Which ones these are depends on the order of events.
        """
        job = sim.job(job_id)
        with sim.reader() as client:
            rejects = list(client.rejects(job_id))
        found = not_isolated_rows(self.data, rejects)
        assert not found or not job.split_budget, f"rows {found} were not isolated, {job.split_budget} splits are left"
        stated = sum(not each.isolated for each in rejects)
        assert stated == job.rows_not_isolated, f"{stated} rows say that they were not isolated, {job}"
        return self.data.refusing(found)

    def _check_sent(self, sim: Simulation) -> None:
        """Check that no row with a missing value reached the endpoint."""
        tokens = {each.encode() for each in self.options.na}
        for request in sim.endpoint.accepted:
            lines = model.rows_of(sim.cloud.s3.objects[request.input_key].body).splitlines()
            found = tokens & {line.strip(b'"') for line in lines}
            assert not found, f"{request.inference_id} was sent with the missing values {found}"


def _draw_answering(source: random.Random) -> Answering:
    echoes, labels = source.random() < _ECHOED, source.random() < _LABELLED
    forms = [each for each in Form if each is not Form.ONE_LINE or not (echoes or labels)]
    return Answering(source.choice((*forms, *[Form.CSV] * len(forms))), labels=labels, echoes=echoes)


def _draw_options(source: random.Random, answering: Answering, canaries: int) -> SubmitOptions:
    # A few lines of text establish no shape, and are no predictions unless they are declared.
    declared = (ColumnType.TEXT,) if answering.labels and not answering.echoes else (None, answering.declared)
    return SubmitOptions(
        keep="id",
        chunk_rows=source.randint(1, 12 if canaries else 6),
        job_key="k",
        na=source.choice(((), (), ("NA",), ("NA", ""))),
        split_budget=source.choice((0, 1, 3, 100, 100, None)),
        request_ttl_s=600,
        invocation_timeout_s=60,
        window=source.choice((0, 1, 2, 3)),
        on_parked=source.choice((OnParked.WAIT, OnParked.WAIT, OnParked.FAIL)),
        output_columns=answering.columns,
        output_type=source.choice(declared),
        accept=answering.accept,
        canaries=canaries,
        echo="x" if answering.echoes else None,
    )


def _draw_values(source: random.Random, answering: Answering, canaries: int) -> list[bytes]:
    """Draw the values of the rows.

    Left out is what nothing can see: a disorder without a proof, one that canaries miss
    (`SHOWN_BY_CANARIES`), and, where text was declared, an error's text in as many lines as rows.
    """
    pages = [each for each in PAGES if each != PAGE_TEXT or answering.echoes or not answering.labels]
    count = source.randint(1, 12)
    if source.random() < _ONLY_PAGES:
        return [source.choice(pages)] * count
    weights = dict(_WEIGHTS)
    if answering.labels:
        # The text for one row that is left over is not told from the text for a row alone.
        del weights[b"swallow"]
    values = source.choices(list(weights), list(weights.values()), k=count)
    values = [source.choice(pages) if value == PAGE else value for value in values]
    if not (canaries or answering.echoes):
        return values
    # A disorder shows if rows have answers of their own.
    for row in source.sample(range(count), min(count, 1 + answering.echoes)):
        values[row] = source.choice(SHOWN_BY_ECHOES if answering.echoes else SHOWN_BY_CANARIES)
    return [value if b"," in value or value in _MISSING else b"v%b.%d" % (value, at) for at, value in enumerate(values)]
