from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

import pytest

from tailrace.cli.application import run
from tailrace.cli.environment import Environment, Target
from tailrace.client import Tailrace
from tailrace.client.job import JobHandle
from tailrace.download.counts import Download
from tailrace.download.rejects_summary.missing_values import MissingValues
from tailrace.download.rejects_summary.reasons import ReasonGroup
from tailrace.download.rejects_summary.summary import RejectsSummary
from tailrace.operations.job_search import FoundJobs, JobFilter
from tailrace.operations.open_work import OpenWork
from tailrace.progress import CuttingProgress, OnProgress, Progress
from tailrace.progress.cutting import Cutting, Phase
from tailrace.submit.estimates import Estimate
from tailrace.submit.remote_submit import RemoteCount
from tailrace.submit.submitter import Submission
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import ConfigurationError, InputError, TimedOutError, TransientError
from tailrace_core.jobs.description import DescribedJob, JobDescription
from tailrace_core.jobs.model import Job, JobSettings, JobState
from tailrace_core.submission.options import SubmitOptions

_JOB = "01JD0WAWQSRPH4P5HK2ZTF1J2N"
_NOW = 100.0


def job(state: JobState = JobState.RUNNING, **changes: Any) -> Job:
    return Job(job_id=_JOB, state=state, created_at=0, deadline_at=100, rows_total=10, **changes)


@dataclass
class FakeClient:
    """A client that does what the test says, and remembers what it was asked."""

    ends_as: Job = field(default_factory=lambda: job(JobState.COMPLETED, rows_scored=10))
    raises: BaseException | None = None
    wait_raises: BaseException | None = None
    about: JobDescription = field(default_factory=JobDescription)
    asked: dict[str, Any] = field(default_factory=dict)
    summary: RejectsSummary | None = None
    """None for one that cannot be read."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.asked["closed"] = True

    def submit(
        self,
        sources: list[str],
        options: SubmitOptions,
        *,
        on_progress: OnProgress,
        stdin: Any,
        output: str | None,
        remote: bool = False,
    ) -> JobHandle:
        self.asked.update(sources=sources, options=options, stdin=stdin, output=output)
        on_progress(Progress(job_id=_JOB, rows_read=10))
        if self.raises is not None:
            raise self.raises
        return JobHandle(Submission(job(), chunks_sent=1, remote=remote), "demo")

    def count(self, sources: list[str], options: SubmitOptions, *, progress: OnProgress) -> RemoteCount:
        self.asked.update(sources=sources, options=options)
        progress(CuttingProgress(job(), self.cut_by))
        return RemoteCount(rows=10, objects=2, source_bytes=50, stripes=1)

    def cutting(self, _: str) -> Cutting:
        return self.cut_by

    cut_by = Cutting(execution="arn:e", state="RUNNING", phase=Phase.COUNT, runs_done=3, runs_total=8_000)

    def estimate(self, sources: list[str], options: SubmitOptions, *, stdin: Any) -> Estimate:
        self.asked.update(sources=sources, options=options, stdin=stdin)
        return Estimate(rows=10, chunks=1)

    def status(self, _: str) -> Job:
        if self.raises is not None:
            raise self.raises
        return self.ends_as

    def open_work(self, job_id: str) -> OpenWork:
        return OpenWork(job_id)

    def wait(self, _: str, *, timeout_s: float | None, on_progress: OnProgress) -> Job:
        self.asked.update(timeout_s=timeout_s)
        on_progress(Progress(job_id=_JOB))
        if self.wait_raises is not None:
            raise self.wait_raises
        return self.ends_as

    def rejects_summary(self, _: str) -> RejectsSummary | None:
        self.asked.update(summarized=True)
        if self.summary is None:
            raise TransientError("the bucket did not answer")
        return self.summary

    def settings(self, _: str) -> JobSettings:
        return JobSettings(
            endpoint_name="model", source_columns=("a", "b", "c"), sent_columns=(1, 2), kept_columns=(0,)
        )

    def download(
        self, _: str, target: Any, *, safe_csv: bool, replace_input: bool, clobber: bool, on_progress: OnProgress
    ) -> Download:
        self.asked.update(safe_csv=safe_csv, replace_input=replace_input)
        on_progress(Progress(job_id=_JOB))
        if isinstance(target, str):
            Path(target).write_bytes(b"prediction\n1\n")
        else:
            target.write(b"prediction\n1\n")
        self.asked.update(clobber=clobber)
        name = target if isinstance(target, str) else None
        return Download(job_id=_JOB, rows=1, rows_scored=1, rows_rejected=0, size_bytes=13, target=name)

    def rejects(self, _: str, *, source: list[str] | None, stdin: Any, **more: str | None) -> Iterator[Reject]:
        self.asked.update(source=source, stdin=stdin, **more)
        yield Reject(3, 'said "no"', b"a,\xff,1")
        yield Reject(4, "not isolated: said no", b"a,b,1")

    def describe(self, job_id: str) -> DescribedJob:
        return DescribedJob(self.status(job_id), self.about)

    def find_jobs(self, wanted: JobFilter, *, limit: int) -> FoundJobs:
        self.asked.update(wanted=wanted, limit=limit)
        return FoundJobs([DescribedJob(self.ends_as, self.about)], complete=self.asked.get("complete", True))

    def cancel(self, _: str, reason: str) -> Job:
        return job(JobState.CANCELLED, rows_cancelled=10, outcome=JobState.CANCELLED, reason=reason)


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str
    target: Target | None


@pytest.fixture
def invoke() -> Callable[..., Result]:
    def invoked(client: FakeClient, *arguments: str, stack: str | None = "demo") -> Result:
        targets: list[Target] = []

        def connect(target: Target) -> Tailrace:
            targets.append(target)
            return cast("Tailrace", client)

        out, err = io.BytesIO(), io.StringIO()
        environment = Environment(
            connect=connect,
            stdin=io.BytesIO(b"a\n1\n"),
            stdout=out,
            stderr=err,
            clock=lambda: 0.0,
            now=lambda: _NOW,
        )
        named = () if stack is None else ("--stack", stack)
        code = run([*arguments, *named], environment)
        return Result(code, out.getvalue().decode(errors="replace"), err.getvalue(), targets[0] if targets else None)

    return invoked


_ENDS = [
    (job(JobState.COMPLETED, rows_scored=10), 0),
    (job(JobState.COMPLETED_WITH_REJECTS, rows_scored=9, rows_rejected=1), 3),
    (job(JobState.FAILED, rows_cancelled=10, outcome=JobState.FAILED), 4),
    (job(JobState.CANCELLED, rows_cancelled=10, outcome=JobState.CANCELLED), 5),
    (job(JobState.EXPIRED, rows_cancelled=10, outcome=JobState.EXPIRED), 5),
]


def test_submit_prints_the_job_id_alone_on_standard_output(invoke: Callable[..., Result]) -> None:
    result = invoke(FakeClient(), "submit", "a.csv", "b.csv")
    assert (result.code, result.out) == (0, f"{_JOB}\n")
    assert "running" in result.err


@pytest.mark.parametrize(("end", "code"), _ENDS)
def test_the_exit_code_of_a_waited_for_job_says_how_it_ended(
    invoke: Callable[..., Result], end: Job, code: int
) -> None:
    assert invoke(FakeClient(end), "submit", "a.csv", "--wait").code == code
    assert invoke(FakeClient(end), "wait", _JOB).code == code
    assert invoke(FakeClient(end), "status", _JOB).code == 0


@pytest.mark.parametrize(("end", "code"), _ENDS)
def test_submit_as_json_is_one_object_with_the_counts(invoke: Callable[..., Result], end: Job, code: int) -> None:
    result = invoke(FakeClient(end), "submit", "a.csv", "--wait", "--json")
    found = json.loads(result.out)
    assert result.code == code
    assert found["job_id"] == _JOB
    assert found["state"] == end.state
    assert {name: found[name] for name in ("rows_total", "rows_scored", "rows_rejected", "rows_cancelled")} == {
        "rows_total": 10,
        "rows_scored": end.rows_scored,
        "rows_rejected": end.rows_rejected,
        "rows_cancelled": end.rows_cancelled,
    }


def test_options_reach_the_client_in_its_own_units(invoke: Callable[..., Result]) -> None:
    client = FakeClient()
    result = invoke(
        client, "submit", "a.csv", "--keep", '"x,y",z', "--header", "repeat", "--chunk-bytes", "2MiB",
        "--chunk-rows", "7", "--stripe-bytes", "1GiB",
        "--deadline", "7d", "--max-rejects", "1%", "--job-key", "k", "--region", "eu-west-1", "--concurrency", "3",
    )  # fmt: skip
    options = client.asked["options"]
    assert result.code == 0
    assert options.keep == ("x,y", "z")
    assert options.header is HeaderPolicy.REPEAT
    assert (options.chunk_bytes, options.chunk_rows, options.deadline_s) == (2 * 1024 * 1024, 7, 7 * 86_400)
    assert options.stripe_bytes == 2**30
    assert (options.max_rejects, options.job_key) == ("1%", "k")
    assert result.target == Target(stack="demo", region="eu-west-1", concurrency=3)
    assert client.asked["closed"]


@pytest.mark.parametrize(("arguments", "budget"), [((), None), (("--split-budget", "57"), 57)])
def test_the_split_budget_is_an_option(
    invoke: Callable[..., Result], arguments: tuple[str, ...], budget: int | None
) -> None:
    client = FakeClient()
    assert invoke(client, "submit", "a.csv", *arguments).code == 0
    assert client.asked["options"].split_budget == budget


def test_output_waits_and_writes_the_result(invoke: Callable[..., Result], tmp_path: Path) -> None:
    result = invoke(FakeClient(), "submit", "a.csv", "--output", str(tmp_path / "out.csv"), "--timeout", "2h")
    assert result.code == 0
    assert (tmp_path / "out.csv").read_bytes() == b"prediction\n1\n"


def test_output_to_standard_output_is_nothing_but_the_result(invoke: Callable[..., Result]) -> None:
    result = invoke(FakeClient(), "submit", "-", "--output", "-", "--json")
    assert result.out == "prediction\n1\n"
    assert json.loads(result.err.splitlines()[0])["job_id"] == _JOB


def test_nothing_is_downloaded_of_a_job_that_failed(invoke: Callable[..., Result], tmp_path: Path) -> None:
    end = job(JobState.FAILED, outcome=JobState.FAILED, reason="too many rejects")
    result = invoke(FakeClient(end), "submit", "a.csv", "--output", str(tmp_path / "out.csv"))
    assert result.code == 4
    assert "too many rejects" in result.err
    assert not (tmp_path / "out.csv").exists()


def test_an_output_onto_a_source_is_refused_before_submitting(invoke: Callable[..., Result], tmp_path: Path) -> None:
    source = tmp_path / "orders.csv"
    source.write_bytes(b"a\n1\n")
    client = FakeClient()
    result = invoke(client, "submit", str(tmp_path / "*.csv"), "--output", str(source))
    assert result.code == 2
    assert "is the input" in result.err
    assert not client.asked


def test_an_output_that_cannot_be_written_is_refused_before_submitting(
    invoke: Callable[..., Result], tmp_path: Path
) -> None:
    client = FakeClient()
    assert invoke(client, "submit", "a.csv", "--output", str(tmp_path / "no" / "out.csv")).code == 2
    assert not client.asked


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("row 7 is odd"), 2),
        (TransientError("no route"), 1),
        (ConfigurationError("no credentials"), 1),
        (OSError("disk full"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_is_one_line_and_a_code_and_says_what_became_of_the_job(
    invoke: Callable[..., Result], error: BaseException, code: int
) -> None:
    error.add_note("job X was closed")
    result = invoke(FakeClient(raises=error), "submit", "a.csv")
    assert result.code == code
    assert result.out == ""
    first = f"tailrace: {str(error) or 'interrupted'}"
    assert result.err.splitlines() == [first, "tailrace: job X was closed"]


def test_debug_shows_the_traceback(invoke: Callable[..., Result]) -> None:
    result = invoke(FakeClient(raises=InputError("odd")), "submit", "a.csv", "--debug")
    assert result.code == 2
    assert "Traceback" in result.err


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (TimedOutError("late"), 1)])
def test_a_wait_that_ends_early_says_that_the_job_goes_on(
    invoke: Callable[..., Result], error: BaseException, code: int
) -> None:
    result = invoke(FakeClient(wait_raises=error), "wait", _JOB, "--timeout", "90s")
    assert result.code == code
    assert "goes on" in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("submit",),
        ("submit", "a.csv", "--chunk-rows", "0"),
        ("submit", "a.csv", "--chunk-bytes", "4xB"),
        ("submit", "a.csv", "--chunk-bytes", "0.5"),
        ("submit", "a.csv", "--timeout", "1h"),
        ("submit", "a.csv", "--deadline", "soon"),
        ("submit", "a.csv", "--header", "maybe"),
        ("wait", _JOB, "--timeout", "x"),
    ],
)
def test_wrong_usage_exits_with_2(invoke: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    assert invoke(FakeClient(), *arguments).code == 2


def test_the_summary_counts_in_words_and_leads_to_the_rejected_rows(invoke: Callable[..., Result]) -> None:
    end = job(JobState.COMPLETED_WITH_REJECTS, rows_scored=9, rows_rejected=1)
    said = invoke(FakeClient(end), "submit", "a.csv", "--wait").err.splitlines()[-3:]
    assert said[0].endswith("; 1 chunk submitted")
    assert said[1] == f"see why rows were rejected with `tailrace rejects {_JOB} --stack demo`"
    assert said[2] == f"fetch the result with `tailrace download {_JOB} --output FILE --stack demo`"


def test_a_submit_that_does_not_wait_says_how_to_go_on(invoke: Callable[..., Result]) -> None:
    said = invoke(FakeClient(), "submit", "a.csv").err.splitlines()[-2:]
    assert said == [
        f"see how it goes on with `tailrace watch {_JOB} --stack demo`",
        f"when it has ended, fetch the result with `tailrace download {_JOB} --output FILE --stack demo`",
    ]


def test_a_watch_that_is_piped_writes_lines_and_ends_as_a_wait(invoke: Callable[..., Result]) -> None:
    end = job(JobState.COMPLETED_WITH_REJECTS, rows_scored=9, rows_rejected=1)
    result = invoke(FakeClient(end), "watch", _JOB)
    assert result.code == 3
    assert "completed_with_rejects: 9 of 10 rows scored, 1 rejected" in result.out
    assert "\x1b" not in result.err


def test_less_than_a_byte_is_named_as_what_it_is(invoke: Callable[..., Result]) -> None:
    assert "less than a byte" in invoke(FakeClient(), "submit", "a.csv", "--chunk-bytes", "0.5").err


def test_a_command_without_a_stack_says_how_to_name_one(invoke: Callable[..., Result]) -> None:
    result = invoke(FakeClient(), "status", _JOB, stack=None)
    assert result.code == 2
    assert "--stack" in result.err
    assert "TAILRACE_STACK" in result.err


def test_a_dry_run_needs_no_stack_and_submits_nothing(invoke: Callable[..., Result]) -> None:
    client = FakeClient()
    result = invoke(client, "submit", "a.csv", "--dry-run", "--json", stack=None)
    assert result.code == 0
    assert json.loads(result.out)["rows"] == 10


def test_a_remote_dry_run_counts_with_a_stack_and_shows_progress(invoke: Callable[..., Result]) -> None:
    given = ("submit", "s3://b/p/", "--pattern", "*.csv", "--remote", "--dry-run")
    result = invoke(FakeClient(), *given, "--json")
    assert (result.code, json.loads(result.out)) == (0, {"rows": 10, "objects": 2, "source_bytes": 50, "stripes": 1})
    assert "rows:         10" in invoke(FakeClient(), *given).out
    refused = invoke(FakeClient(), *given, stack=None)
    assert refused.code == 2
    assert "no stack is named" in refused.err


def test_a_remote_submit_says_that_nothing_was_sent_from_here(invoke: Callable[..., Result]) -> None:
    client = FakeClient()
    result = invoke(client, "submit", "s3://b/p/", "--pattern", "*.csv", "--remote")
    assert result.out.strip() == _JOB
    assert "its objects were cut where they lie" in result.err
    assert client.asked["options"].pattern == "*.csv"


def test_a_status_shows_how_far_a_remote_job_is(invoke: Callable[..., Result]) -> None:
    client = FakeClient(ends_as=job(JobState.SUBMITTING))
    assert "counting rows: 3 of 8,000 runs of stripes" in invoke(client, "status", _JOB).out
    shown = json.loads(invoke(client, "status", _JOB, "--json").out)["cutting"]
    assert (shown["phase"], shown["runs_done"], shown["execution_state"]) == ("count", 3, "RUNNING")
    assert "cutting" not in json.loads(invoke(FakeClient(ends_as=job()), "status", _JOB, "--json").out)


def test_quiet_says_nothing(invoke: Callable[..., Result]) -> None:
    assert invoke(FakeClient(), "submit", "a.csv", "--quiet").err == ""


def test_rejects_are_csv_with_the_inputs_columns_and_bytes_come_out_as_they_went_in(
    invoke: Callable[..., Result], tmp_path: Path
) -> None:
    result = invoke(FakeClient(), "rejects", _JOB, "--output", str(tmp_path / "rejects.csv"))
    assert (result.code, result.out) == (0, "")
    assert (tmp_path / "rejects.csv").read_bytes() == (
        b'row,reason,a,b,c\n3,"said ""no""",a,\xff,1\n4,"not isolated: said no",a,b,1\n'
    )
    assert invoke(FakeClient(), "rejects", _JOB).out.splitlines()[0] == "row,reason,a,b,c"


def test_rejects_as_json_are_one_object_a_line(invoke: Callable[..., Result]) -> None:
    out = invoke(FakeClient(), "rejects", _JOB, "--json").out
    assert [json.loads(line) for line in out.splitlines()] == [
        {
            "row": 3,
            "reason": 'said "no"',
            "isolated": True,
            "record_base64": base64.b64encode(b"a,\xff,1").decode(),
            "columns": ["a", "b", "c"],
        },
        {"row": 4, "reason": "not isolated: said no", "isolated": False, "record": "a,b,1", "columns": ["a", "b", "c"]},
    ]


def test_the_rows_that_were_not_isolated_can_be_had_alone(invoke: Callable[..., Result]) -> None:
    out = invoke(FakeClient(), "rejects", _JOB, "--not-isolated").out
    assert out.splitlines() == ["row,reason,a,b,c", '4,"not isolated: said no",a,b,1']


_SUMMARY = RejectsSummary(
    reasons=(ReasonGroup("could not convert 'NA'", 8, varies=True), ReasonGroup("blank", 1)),
    rows_examined=9,
    rows_rejected=12,
    missing_values=MissingValues(("NA", ""), rejected_rows=8, explained_rows=7, scored_rows=40),
)
_REJECTED = job(JobState.COMPLETED_WITH_REJECTS, rows_scored=9, rows_rejected=12, rows_not_isolated=3, splits_spent=7)


@pytest.mark.parametrize("arguments", [("status", _JOB), ("wait", _JOB), ("submit", "a.csv", "--wait")])
def test_a_report_names_the_reasons_and_how_to_go_on(invoke: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    result = invoke(FakeClient(_REJECTED, summary=_SUMMARY), *arguments)
    said = result.out + result.err
    assert "(9 of 12 rows looked at)" in said
    assert "  8  such as: could not convert 'NA'" in said
    assert "7 of 8 rejected rows looked at have 'NA' or an empty value" in said
    assert "none of 40 scored rows looked at has" in said
    assert "`--na NA,`" in said
    assert f"`tailrace rejects {_JOB} --stack demo --not-isolated --output again.csv`" in said
    assert "--split-budget 3 --stack demo`" in said


@pytest.mark.parametrize("arguments", [("status", _JOB), ("wait", _JOB), ("submit", "a.csv", "--wait")])
def test_the_same_is_there_for_machines(invoke: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    found = json.loads(invoke(FakeClient(_REJECTED, summary=_SUMMARY), *arguments, "--json").out)
    assert (found["rows_not_isolated"], found["splits_spent"], found["splits_left"]) == (3, 7, 0)
    assert found["rejects"] == {
        "reasons": [
            {"reason": "could not convert 'NA'", "rows": 8, "varies": True},
            {"reason": "blank", "rows": 1, "varies": False},
        ],
        "rows_examined": 9,
        "sampled": True,
        "missing_values": {
            "tokens": ["NA", ""],
            "option": "--na NA,",
            "rejected_rows": 8,
            "explained_rows": 7,
            "scored_rows": 40,
        },
    }


_NOTHING = job(JobState.FAILED, rows_rejected=10, outcome=JobState.FAILED, reason="no row was scored")
_WHY_NOTHING = RejectsSummary((ReasonGroup("error (400) from model. Model is missing inputs ['a']", 10),), 10, 10)


@pytest.mark.parametrize("arguments", [("status", _JOB), ("wait", _JOB), ("submit", "a.csv", "--wait")])
def test_a_job_of_which_nothing_was_scored_ends_with_first_aid(
    invoke: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    result = invoke(FakeClient(_NOTHING, summary=_WHY_NOTHING), *arguments)
    (last,) = (result.err or result.out).splitlines()[-1:]
    assert last.startswith("first aid: The model looks for columns by name")
    assert "`--header repeat`" in last
    found = json.loads(invoke(FakeClient(_NOTHING, summary=_WHY_NOTHING), *arguments, "--json").out)
    assert [hint for hint in found["advice"] if "--header repeat" in hint] == found["advice"] != []
    assert json.loads(invoke(FakeClient(_REJECTED, summary=_WHY_NOTHING), *arguments, "--json").out)["advice"] == []


@pytest.mark.parametrize("arguments", [("status", _JOB), ("wait", _JOB), ("submit", "a.csv", "--wait")])
def test_a_report_whose_reasons_cannot_be_read_is_printed_without_them(
    invoke: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    found = json.loads(invoke(FakeClient(_REJECTED), *arguments, "--json").out)
    assert found["rejects"] is None


def test_nothing_is_read_about_a_job_without_rejected_rows(invoke: Callable[..., Result]) -> None:
    client = FakeClient()
    assert json.loads(invoke(client, "status", _JOB, "--json").out)["rejects"] is None
    assert "summarized" not in client.asked


@pytest.mark.parametrize(("flags", "safe"), [((), False), (("--safe-csv",), True)])
def test_only_who_asks_gets_csv_for_spreadsheets(
    invoke: Callable[..., Result], flags: tuple[str, ...], *, safe: bool
) -> None:
    client = FakeClient()
    invoke(client, "download", _JOB, *flags)
    assert client.asked["safe_csv"] is safe


def test_jobs_are_listed_one_a_line(invoke: Callable[..., Result]) -> None:
    assert [line.split()[:2] for line in invoke(FakeClient(), "jobs").out.splitlines()] == [
        ["JOB", "NAME"],
        [_JOB, "-"],
    ]
    assert json.loads(invoke(FakeClient(), "jobs", "--json").out)["job_id"] == _JOB


_ABOUT = JobDescription.from_sources(
    ["/data/sales.csv"],
    name="nightly",
    tags={"team": "demand"},
    job_key="sales/1",
    submitted_by="arn:aws:iam::1:user/kim",
)


def test_jobs_are_chosen_by_state_tag_and_time(invoke: Callable[..., Result]) -> None:
    client = FakeClient(about=_ABOUT)
    text = invoke(
        client, "jobs", "--state", "running", "--state", "closing", "--tag", "team=demand", "--since", "1970-01-01",
        "--before", "30s", "--limit", "7",
    ).out  # fmt: skip
    states = frozenset({JobState.RUNNING, JobState.CLOSING})
    assert client.asked["wanted"] == JobFilter(states=states, tags={"team": "demand"}, since=0.0, before=_NOW - 30)
    assert client.asked["limit"] == 7
    assert text.splitlines()[1].split() == [_JOB, "nightly", "completed", "1", "min", "40", "s", "10", "10", "0", "0"]


def test_a_search_that_did_not_look_at_all_jobs_says_so(invoke: Callable[..., Result]) -> None:
    client = FakeClient(asked={"complete": False})
    assert "--since" in invoke(client, "jobs", "--tag", "a=b").err


@pytest.mark.parametrize("option", [("--tag", "team"), ("--since", "yesterday"), ("--tag", "a=1", "--tag", "a=2")])
def test_a_search_that_cannot_be_read_is_refused(invoke: Callable[..., Result], option: tuple[str, ...]) -> None:
    assert invoke(FakeClient(), "jobs", *option).code == 2


def test_status_shows_what_the_job_is_and_how_fast(invoke: Callable[..., Result]) -> None:
    client = FakeClient(job(JobState.COMPLETED, rows_scored=10, finishing_at=4.0), about=_ABOUT)
    fields = json.loads(invoke(client, "status", _JOB, "--json").out)
    assert fields["name"] == "nightly"
    assert fields["tags"] == {"team": "demand"}
    assert fields["sources"] == ["/data/sales.csv"]
    assert fields["job_key"] == "sales/1"
    assert fields["submitted_by"] == "arn:aws:iam::1:user/kim"
    assert fields["finished_at"] == "1970-01-01T00:00:04+00:00"
    assert fields["rows_per_s"] == 2.5
    assert fields["settings"]["kept_columns"] == ["a"]
    text = invoke(client, "status", _JOB).out
    assert "team=demand" in text
    assert "kept_columns a" in text


def test_submit_passes_name_and_tags(invoke: Callable[..., Result]) -> None:
    client = FakeClient()
    invoke(client, "submit", "a.csv", "--name", "nightly", "--tag", "team=demand", "--tag", "run=7")
    assert client.asked["options"].name == "nightly"
    assert client.asked["options"].tags == {"team": "demand", "run": "7"}


def test_cancel_reports_the_job(invoke: Callable[..., Result]) -> None:
    result = invoke(FakeClient(), "cancel", _JOB, "--reason", "wrong file", "--json")
    assert json.loads(result.out)["reason"] == "wrong file"


def test_download_writes_to_standard_output_by_default(invoke: Callable[..., Result]) -> None:
    assert invoke(FakeClient(), "download", _JOB).out == "prediction\n1\n"


def test_suggested_commands_lead_to_the_same_stack(invoke: Callable[..., Result]) -> None:
    error = InputError(f"wait for it with `tailrace wait {_JOB}`")
    error.add_note("or see `tailrace jobs` and `tailrace local status`")
    said = invoke(FakeClient(raises=error), "status", _JOB, "--region", "eu-west-1", "--profile", "it's", stack="a b")
    options = "--stack 'a b' --profile 'it'\"'\"'s' --region eu-west-1"
    assert said.err.splitlines() == [
        f"tailrace: wait for it with `tailrace wait {_JOB} {options}`",
        f"tailrace: or see `tailrace jobs {options}` and `tailrace local status`",
    ]


def test_only_a_submit_replaces_a_file_with_the_columns_of_the_input_as_it_knows_its_sources(
    invoke: Callable[..., Result], tmp_path: Path
) -> None:
    client = FakeClient()
    assert invoke(client, "submit", "a.csv", "--output", str(tmp_path / "out.csv")).code == 0
    assert (client.asked["output"], client.asked["replace_input"]) == (None, True)
    assert invoke(client, "submit", "-", "--output", str(tmp_path / "out.csv")).code == 0
    assert client.asked["output"] == str(tmp_path / "out.csv")
    assert invoke(client, "download", _JOB, "--output", str(tmp_path / "out.csv")).code == 0
    assert client.asked["replace_input"] is False


def test_a_download_replaces_an_earlier_result(invoke: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "scored.csv"
    path.write_bytes(b"a,prediction\n1,old\n")
    assert invoke(FakeClient(), "download", _JOB, "--output", str(path)).code == 0
    assert path.read_bytes() == b"prediction\n1\n"


@pytest.mark.parametrize("output", ["-", "scored.csv"])
def test_download_gives_its_counts_as_json(invoke: Callable[..., Result], tmp_path: Path, output: str) -> None:
    target = output if output == "-" else str(tmp_path / output)
    result = invoke(FakeClient(), "download", _JOB, "--output", target, "--json", "--no-clobber")
    line = result.err if output == "-" else result.out
    assert json.loads(line) == {
        "job_id": _JOB, "rows": 1, "rows_scored": 1, "rows_rejected": 0, "size_bytes": 13,
        "output": None if output == "-" else target,
    }  # fmt: skip
    assert result.code == 0
    assert (result.out == "prediction\n1\n") == (output == "-")


def test_an_object_of_s3_is_checked_before_anything_is_sent(invoke: Callable[..., Result]) -> None:
    @dataclass
    class Refusing(FakeClient):
        def check_target(self, target: str, *, clobber: bool) -> None:
            raise InputError(f"{target} exists" if not clobber else "")

    client = Refusing()
    result = invoke(client, "submit", "a.csv", "--output", "s3://lake/out.csv", "--no-clobber")
    assert (result.code, result.err) == (2, "tailrace: s3://lake/out.csv exists\n")
    assert "sources" not in client.asked
    same = invoke(client, "submit", "s3://lake/a.csv", "--output", "s3://lake/a.csv")
    assert (same.code, "is the input" in same.err) == (2, True)
    assert invoke(client, "submit", "a.csv", "--output", "a.parquet", "--safe-csv").code == 2
