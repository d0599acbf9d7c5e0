"""Files that arrive start jobs, once each, or are reported."""

from __future__ import annotations

import json

import pytest

from tailrace_consumers.outcomes import Outcome
from tailrace_core.aws.calls import run
from tailrace_core.errors import MessageError, TransientError
from tailrace_core.jobs.model import JobState
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.messages.arrivals import decode_arrival
from tailrace_core.objects import keys
from tailrace_core.submission.striping.request import CuttingRequest
from tests.faults.memory_aws.cloud import BUCKET, RESULTS_TOPIC, TABLE
from tests.unit.consumers.files.inbox_bench import CSV, Inbox

UNUSUAL = (
    "a//b.csv",
    "/a.csv",
    "two\nlines.csv",
    "tab\tand\\slash.csv",
    "日本/ö é 🙂.csv",
    "a b+%25&=?#.csv",
    "n" * 400,
    "a...csv",
)
"""Names that S3 takes."""


def request_of(inbox: Inbox, job_id: str) -> CuttingRequest:
    return CuttingRequest.from_json(inbox.s3.body(BUCKET, keys.cutting_request_key(job_id)))


def test_a_file_starts_a_job_of_its_version() -> None:
    inbox = Inbox()
    event = inbox.drop("nightly/stock.csv")
    assert inbox.start(event) is Outcome.JOB_STARTED
    (job,) = inbox.jobs
    assert inbox.machine.inputs == [{"job_id": job, "dry_run": False}]
    (source,) = request_of(inbox, job).sources
    assert (source.key, source.version_id) == ("v1/inbox/nightly/stock.csv", event.detail.object.version_id)
    about = run(DynamoSteps(TABLE).description(job), inbox.execute)
    assert about.sources == (f"s3://{BUCKET}/v1/inbox/nightly/stock.csv",)
    assert about.name == "v1/inbox/nightly/stock.csv"
    assert about.tags == {"tailrace:inbox": "0000000000000001 v1"}


def test_the_options_beside_it_are_the_jobs() -> None:
    inbox = Inbox()
    options = {"keep": ["id"], "chunk_rows": 2, "name": "nightly", "tags": {"team": "supply"}}
    inbox.s3.put(BUCKET, "v1/inbox/a.csv.options.json", json.dumps(options).encode())
    inbox.s3.put(BUCKET, "v1/inbox/.options.json", b"not read")
    inbox.start(inbox.drop("a.csv"))
    settings = request_of(inbox, inbox.jobs[0]).settings
    assert (settings.kept_columns, settings.sent_columns, settings.chunk_rows) == ((0,), (1, 2), 2)
    about = run(DynamoSteps(TABLE).description(inbox.jobs[0]), inbox.execute)
    assert (about.name, about.tags["team"]) == ("nightly", "supply")


def test_the_options_of_a_folder_are_those_of_its_files() -> None:
    inbox = Inbox()
    inbox.s3.put(BUCKET, "v1/inbox/nightly/.options.json", b'{"chunk_rows": 7}')
    inbox.start(inbox.drop("nightly/a.csv"))
    inbox.start(inbox.drop("other/a.csv"))
    assert [request_of(inbox, job).settings.chunk_rows for job in inbox.jobs] == [7, 50_000]


@pytest.mark.parametrize(
    "name", ["a.csv.options.json", ".options.json", "_SUCCESS", ".hidden", "_temporary/0/a.csv", "_tmp/"]
)
def test_what_is_no_file_starts_nothing(name: str) -> None:
    inbox = Inbox()
    assert inbox.start(inbox.drop(name)) is Outcome.NOT_OURS
    assert (inbox.jobs, inbox.outbox, inbox.events) == ([], {}, [])


def test_a_repeated_event_changes_nothing_whatever_became_of_the_file() -> None:
    inbox = Inbox()
    event = inbox.drop("a.csv")
    inbox.start(event)
    inbox.s3.put(BUCKET, "v1/inbox/a.csv.options.json", b'{"chunk_rows": 1}')
    del inbox.s3.objects[BUCKET, "v1/inbox/a.csv"]
    assert inbox.start(event) is Outcome.STALE
    assert inbox.start(event) is Outcome.STALE
    assert len(inbox.jobs) == 1
    assert (inbox.machine.inputs[1:], inbox.outbox, inbox.events) == ([], {}, [])


def test_a_file_dropped_twice_is_two_jobs() -> None:
    inbox = Inbox()
    for _ in range(2):
        assert inbox.start(inbox.drop("a.csv")) is Outcome.JOB_STARTED
    assert len(inbox.jobs) == 2


@pytest.mark.parametrize("operation", ["put_object", "start_execution"])
def test_a_start_that_was_interrupted_goes_on(operation: str) -> None:
    inbox = Inbox()
    event = inbox.drop("a.csv")
    inbox.fail_at[operation] = TransientError("away")
    with pytest.raises(TransientError):
        inbox.start(event)
    assert inbox.machine.inputs == []
    inbox.start(event)
    assert [each["job_id"] for each in inbox.machine.inputs] == inbox.jobs
    assert len(inbox.jobs) == 1


def test_a_job_whose_execution_ended_without_its_end_gets_another() -> None:
    inbox = Inbox()
    event = inbox.drop("a.csv")
    inbox.start(event)
    (job,) = inbox.jobs
    inbox.machine.executions[job] = False
    inbox.start(event)
    assert inbox.machine.executions == {job: False, f"{job}-2": True}


def test_an_interrupted_start_whose_options_changed_comes_again_and_starts_no_other_job() -> None:
    inbox = Inbox()
    event = inbox.drop("a.csv")
    inbox.fail_at["put_object"] = TransientError("away")
    with pytest.raises(TransientError):
        inbox.start(event)
    inbox.s3.put(BUCKET, "v1/inbox/a.csv.options.json", b'{"chunk_rows": 1}')
    with pytest.raises(TransientError, match="was used for job"):
        inbox.start(event)
    assert len(inbox.jobs) == 1


def test_an_interrupted_start_whose_file_is_gone_ends_its_job() -> None:
    inbox = Inbox()
    event = inbox.drop("a.csv")
    inbox.fail_at["put_object"] = TransientError("away")
    with pytest.raises(TransientError):
        inbox.start(event)
    del inbox.s3.objects[BUCKET, "v1/inbox/a.csv"]
    assert inbox.start(event) is Outcome.FILE_REFUSED
    assert inbox.job_state(inbox.jobs[0]) is JobState.FAILED
    assert [each["type"] for each in inbox.events] == ["JobFinished"]


def test_a_file_that_was_deleted_or_overwritten_is_reported() -> None:
    inbox = Inbox()
    first = inbox.drop("a.csv")
    second = inbox.drop("a.csv", CSV + b"1,1,1\n")
    assert inbox.start(first) is Outcome.FILE_REFUSED
    assert "was overwritten before its job read it" in json.loads(inbox.outbox["a.csv.error.json"])["reason"]
    assert inbox.start(second) is Outcome.JOB_STARTED
    gone = inbox.drop("b.csv")
    del inbox.s3.objects[BUCKET, "v1/inbox/b.csv"]
    assert inbox.start(gone) is Outcome.FILE_REFUSED
    report = json.loads(inbox.outbox["b.csv.error.json"])
    assert (report["type"], report["version_id"]) == ("FileError", gone.detail.object.version_id)
    assert "was deleted before its job read it" in report["reason"]
    assert [each["type"] for each in inbox.events] == ["FileRefused"] * 2
    assert len(inbox.jobs) == 1


@pytest.mark.parametrize(
    ("body", "options", "message"),
    [
        (CSV, b"{", "v1/inbox/a.csv.options.json is not JSON"),
        (CSV, b'{"chunk_row": 1}', "'chunk_row' is no option here"),
        (CSV, b'{"keep": ["nope"]}', "nope"),
        (CSV, b'{"name": "\\ud800"}', "'name' is "),
        (CSV, b'{"via": "realtime"}', "this stack cannot score via realtime; it scores via async"),
        (b"", None, "a.csv"),
        (b"a;b\n1;2\n", None, "is this really separated by commas?"),
        (b"a,a\n1,2\n", None, "the header names a column twice"),
    ],
)
def test_a_file_that_no_job_can_score_is_reported_in_the_outbox_and_as_an_event(
    body: bytes, options: bytes | None, message: str
) -> None:
    inbox = Inbox()
    if options is not None:
        inbox.s3.put(BUCKET, "v1/inbox/a.csv.options.json", options)
    event = inbox.drop("a.csv", body)
    assert inbox.start(event) is Outcome.FILE_REFUSED
    assert inbox.start(event) is Outcome.FILE_REFUSED
    report = json.loads(inbox.outbox["a.csv.error.json"])
    assert message in report["reason"]
    first, second = inbox.events
    assert first == second
    assert (first["type"], first["reason"], first["error_location"]) == (
        "FileRefused",
        report["reason"],
        f"s3://{BUCKET}/v1/outbox/a.csv.error.json",
    )
    assert (inbox.jobs, inbox.machine.inputs) == ([], [])


@pytest.mark.parametrize("end", [".rejects.csv", ".manifest.json", ".error.json"])
def test_a_file_never_replaces_what_stands_beside_the_result_of_another(end: str) -> None:
    inbox = Inbox()
    inbox.start(inbox.drop("a.csv"))
    (job,) = inbox.jobs
    assert inbox.start(inbox.drop(f"a.csv{end}")) is Outcome.FILE_REFUSED
    assert inbox.jobs == [job]
    assert list(inbox.outbox) == [f"a.csv{end}.error.json"]


@pytest.mark.parametrize(
    "options", [{f"column {number}": number for number in range(3_000)}, {"chunk_rows": "x" * 60_000}]
)
def test_a_report_fits_into_a_message_whatever_stands_in_the_options(options: dict[str, object]) -> None:
    inbox = Inbox()
    inbox.s3.put(BUCKET, "v1/inbox/a.csv.options.json", json.dumps(options).encode())
    assert inbox.start(inbox.drop("a.csv")) is Outcome.FILE_REFUSED
    (published,) = inbox.cloud.sns.published[RESULTS_TOPIC]
    assert len(published.encode()) < 10_000


def test_a_name_that_leaves_no_room_is_reported_as_an_event() -> None:
    inbox = Inbox()
    assert inbox.start(inbox.drop("ä" * 505)) is Outcome.FILE_REFUSED
    (event,) = inbox.events
    assert "error_location" not in event
    assert inbox.start(inbox.drop("a" * 480)) is Outcome.FILE_REFUSED
    assert list(inbox.outbox) == ["a" * 480 + ".error.json"]


@pytest.mark.parametrize(
    "name", ["../a.csv", "./a.csv", "x/../../a.csv", "x/..", "x/", "/", ""], ids=lambda name: name.replace("/", "|")
)
def test_a_name_that_is_none_of_a_file_is_refused_and_not_ignored(name: str) -> None:
    inbox = Inbox()
    assert inbox.start(inbox.drop(name)) is Outcome.FILE_REFUSED
    (event,) = inbox.events
    assert "give it another one" in event["reason"]
    assert list(inbox.outbox) == ([] if "." in name else [f"{name}.error.json"])
    assert not inbox.jobs


@pytest.mark.parametrize("name", ["nightly/", "", "_tmp/"])
def test_an_empty_object_that_marks_a_folder_starts_nothing(name: str) -> None:
    inbox = Inbox()
    assert inbox.start(inbox.drop(name, b"")) is Outcome.NOT_OURS
    assert (inbox.jobs, inbox.outbox, inbox.events) == ([], {}, [])


@pytest.mark.parametrize("name", UNUSUAL, ids=range(len(UNUSUAL)))
def test_any_other_name_is_that_of_its_result(name: str) -> None:
    inbox = Inbox()
    assert inbox.start(inbox.drop(name)) is Outcome.JOB_STARTED
    (job,) = inbox.jobs
    inbox.finish(job)
    assert inbox.deliver(job) is Outcome.DELIVERED
    assert set(inbox.outbox) == {name, f"{name}.rejects.csv", f"{name}.manifest.json"}


def test_a_stack_without_an_endpoint_scores_by_transforms() -> None:
    inbox = Inbox(endpoint_kind="none")
    inbox.start(inbox.drop("a.csv"))
    assert request_of(inbox, inbox.jobs[0]).settings.engine == "transform"


@pytest.mark.parametrize("body", ["", "{}", '{"detail-type": "Object Deleted", "source": "aws.s3"}', "[]"])
def test_anything_else_is_no_event(body: str) -> None:
    with pytest.raises(MessageError):
        decode_arrival(body)
