"""The commands of operators, over a stack in memory."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tailrace.cli.application import run
from tailrace.cli.environment import Environment
from tailrace_core.jobs.history import HistoryEvent
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.messages.events import RetryDue
from tests.faults.dataset import Dataset, Row
from tests.faults.injection import Schedule
from tests.faults.memory_aws import cloud as names
from tests.faults.memory_aws.cloud import CALLER
from tests.faults.model import SERVER_ERROR
from tests.faults.parked_simulation import parked_simulation
from tests.faults.simulation import Simulation

_DATA = Dataset.of(b"1", b"2", b"3")


@dataclass
class Bench:
    sim: Simulation
    job_id: str
    err: str = ""
    code: int = 0

    def run(self, *arguments: str, stdin: bytes = b"") -> str:
        """Standard output of a command."""
        out, err = io.BytesIO(), io.StringIO()
        environment = Environment(
            connect=lambda _: self.sim.producer("operator")[1], stdin=io.BytesIO(stdin), stdout=out, stderr=err
        )
        self.code = run([*arguments, "--stack", "stack"], environment)
        self.err = err.getvalue()
        return out.getvalue().decode()

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run(*arguments, "--json").splitlines()]

    def sent(self, queue: str) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.sim.cloud.queue(queue).messages.values()]


@pytest.fixture
def bench() -> Bench:
    sim, job_id, _ = parked_simulation(_DATA, Schedule())
    return Bench(sim, job_id)


def test_parked_chunks_are_a_table_for_people_and_objects_for_machines(bench: Bench) -> None:
    text = bench.run("parked", "list", "--queue").splitlines()
    assert text[0].split() == ["JOB", "RANGE", "ATTEMPT", "REDRIVES", "PARKED", "STATE", "REASON"]
    assert [line.split()[:3] for line in text[1:]] == [
        [bench.job_id, "000000000000-2", "3"],
        [bench.job_id, "000000000002-1", "3"],
    ]
    found = bench.lines("parked", "list")
    assert [(each["range"], each["state"], each["stale"], each["failure_class"]) for each in found] == [
        ("000000000000-2", "parked", False, "transient"),
        ("000000000002-1", "parked", False, "transient"),
    ]
    assert bench.err == ""


def test_the_list_groups_by_cause_and_receives_nothing(bench: Bench) -> None:
    text = bench.run("parked", "list")
    (head,) = [line for line in text.splitlines() if line.startswith("cause ")]
    assert head.endswith(": 2 chunks, 3 rows, 1 job")
    assert "\n  no worker … (server error 500 from model)" in text or "(server error 500 from model)" in text
    received = [message.receives for message in bench.sim.cloud.queue(names.PARKED).messages.values()]
    assert received == [0, 0]


def test_a_cause_is_chosen_by_its_id_or_by_words_of_the_reason(bench: Bench) -> None:
    (cause,) = {each["cause"] for each in bench.lines("parked", "list")}
    for text in (cause, "SERVER ERROR"):
        assert len(bench.lines("parked", "redrive", "--cause", text)) == 2
    assert bench.lines("parked", "redrive", "--cause", "kms") == []
    assert bench.sent(names.RETRIES) == []


def test_chunks_are_chosen_by_the_time_of_their_parking(bench: Bench) -> None:
    at = min(each["parked_at"] for each in bench.lines("parked", "list"))
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    assert len(bench.lines("parked", "redrive", "--since", moment)) == 2
    assert bench.lines("parked", "redrive", "--before", moment) == []


def test_all_that_match_are_redriven_with_one_receive_of_each_message(bench: Bench) -> None:
    done = bench.lines("parked", "redrive", "--cause", "server error", "--note", "fixed", "--yes")
    assert [(each["action"], each["done"]) for each in done] == [("redriven", True)] * 2
    assert [each["requested_by"] for each in bench.sent(names.RETRIES)] == [CALLER] * 2
    assert bench.sent(names.PARKED) == []


def test_all_that_match_are_discarded_only_with_a_yes(bench: Bench) -> None:
    shown = bench.lines("parked", "discard", "--job", bench.job_id, "--reason", "old")
    assert [each["done"] for each in shown] == [False, False]
    assert bench.sent(names.FAILED) == []
    assert "nothing was done yet: 2 chunks with 3 rows" in bench.err
    bench.run("parked", "discard", "--job", bench.job_id, "--reason", "old", "--yes")
    assert [each["note"] for each in bench.sent(names.FAILED)] == ["old", "old"]


def test_rows_of_several_chunks_are_corrected_from_one_file(bench: Bench, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_bytes(b"row,x\n1,8\n2,9\n")
    chosen = ("parked", "redrive", "--job", bench.job_id, "--edit-rows", str(rows))
    assert [each["done"] for each in bench.lines(*chosen)] == [False, False]
    assert bench.run("parked", "show", bench.job_id, "0-2", "--input") == "1\n2\n"
    bench.run(*chosen, "--yes")
    assert bench.run("parked", "show", bench.job_id, "0-2", "--input") == "1\n8\n"
    assert bench.run("parked", "show", bench.job_id, "2-1", "--input") == "9\n"
    assert len(bench.sent(names.RETRIES)) == 2


@pytest.mark.parametrize("rows", [b"7,1\n", b"1,1\n1,2\n", b"x,1\ny,2\n", b"1,1,1\n", b""])
def test_corrections_that_do_not_fit_change_nothing(bench: Bench, rows: bytes) -> None:
    bench.run("parked", "redrive", "--job", bench.job_id, "--edit-rows", "-", "--yes", stdin=rows)
    assert bench.code == 2
    assert bench.run("parked", "show", bench.job_id, "0-2", "--input") == "1\n2\n"
    assert bench.sent(names.RETRIES) == []


def test_what_cannot_be_halved_is_left(bench: Bench) -> None:
    done = {each["range"]: each for each in bench.lines("parked", "redrive", "--halves", "--yes")}
    assert {each["action"] for each in done.values()} == {"left"}
    assert "split budget is spent" in done["000000000000-2"]["detail"]
    assert "single row" in done["000000000002-1"]["detail"]
    bench.run("parked", "redrive", bench.job_id, "2-1", "--halves")
    assert (bench.code, "single row" in bench.err) == (2, True)
    assert bench.sent(names.FAILED) == []


def test_two_who_redrive_at_once_make_one_attempt_and_both_are_recorded(bench: Bench) -> None:
    bench.run("parked", "redrive", bench.job_id, "0-2", "--note", "one")
    (first,) = bench.sent(names.RETRIES)
    second = {**first, "requested_by": "arn:aws:iam::1:user/ben", "note": "two"}
    for body in (second, second):
        bench.sim.cloud.sqs.send_message(QueueUrl=names.RETRIES, MessageBody=json.dumps(body))
    bench.sim.endpoint.down = False
    bench.sim.drain()
    chunk = bench.sim.ledger.chunk(bench.job_id, RowRange(0, 2))
    assert chunk is not None
    assert (chunk.attempt, chunk.redrives) == (4, 1)
    acts = [entry for entry in chunk.history if entry.who is not None]
    assert sorted(entry.who or "" for entry in acts) == sorted([CALLER, "arn:aws:iam::1:user/ben"])
    assert sorted(entry.what for entry in acts) == [HistoryEvent.REDRIVE_LATE, HistoryEvent.REDRIVEN]


def test_a_file_that_is_not_there_is_wrong_usage(bench: Bench) -> None:
    for option in ("--edit", "--edit-rows"):
        chosen = [bench.job_id, "0-2"] if option == "--edit" else ["--job", bench.job_id]
        bench.run("parked", "redrive", *chosen, option, "nope.csv")
        assert (bench.code, "nope.csv cannot be read" in bench.err) == (2, True)


def test_cancelling_a_job_that_has_ended_says_so(bench: Bench) -> None:
    bench.run("cancel", bench.job_id)
    assert "already" not in bench.err
    bench.sim.drain()
    bench.run("cancel", bench.job_id)
    assert f"job {bench.job_id} was cancelled already; nothing was cancelled" in bench.err
    job = bench.sim.ledger.job(bench.job_id)
    assert job is not None
    (entry,) = job.history
    assert (entry.what, entry.who, entry.note) == ("cancelled", CALLER, "cancelled by its owner")


def test_a_message_that_is_none_of_ours_is_named(bench: Bench) -> None:
    bench.sim.cloud.sqs.send_message(QueueUrl=names.PARKED, MessageBody="hello")
    assert len(bench.lines("parked", "list")) == 2
    assert "--queue" in bench.err, "the ledger's list says that the queue holds more"
    assert len(bench.lines("parked", "list", "--queue")) == 2
    assert "hello" in bench.err


def test_a_list_that_may_lack_something_says_so(bench: Bench) -> None:
    bench.run("parked", "list", "--max", "1")
    assert "may hold more" in bench.err


def test_showing_a_chunk_shows_why_and_what_to_do(bench: Bench) -> None:
    text = bench.run("parked", "show", bench.job_id, "0-2")
    for said in ("no worker (server error 500 from model)", "redrive", "s3://", "  1\n  2", "no worker"):
        assert said in text
    assert bench.run("parked", "show", bench.job_id, "0-2", "--input") == "1\n2\n"


def test_one_chunk_is_redriven_at_once_with_its_note(bench: Bench) -> None:
    assert "redriven" in bench.run("parked", "redrive", bench.job_id, "0-2", "--note", "more memory")
    (message,) = bench.sent(names.RETRIES)
    assert (message["attempt"], message["tries"], message["redrives"]) == (4, 1, 1)
    assert message["reason"].startswith("redriven (1): more memory; parked for: ")
    assert [each["first_row"] for each in bench.sent(names.PARKED)] == [2]


def test_all_are_redriven_only_with_a_yes(bench: Bench) -> None:
    shown = bench.lines("parked", "redrive", "--all")
    assert [(each["action"], each["done"]) for each in shown] == [("redriven", False)] * 2
    assert "--yes" in bench.err
    assert bench.sent(names.RETRIES) == []
    done = bench.lines("parked", "redrive", "--all", "--yes")
    assert [(each["action"], each["done"]) for each in done] == [("redriven", True)] * 2
    assert len(bench.sent(names.RETRIES)) == 2
    assert bench.sent(names.PARKED) == []


def test_corrected_rows_come_from_a_file_or_standard_input(bench: Bench, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_bytes(b"x\n8\n9\n")
    bench.run("parked", "redrive", bench.job_id, "0-2", "--edit", str(rows))
    assert bench.run("parked", "show", bench.job_id, "0-2", "--input") == "8\n9\n"
    bench.run("parked", "redrive", bench.job_id, "2-1", "--edit", "-", stdin=b"7\n")
    assert bench.run("parked", "show", bench.job_id, "2-1", "--input") == "7\n"
    assert all("input replaced by crc32:" in each["reason"] for each in bench.sent(names.RETRIES))


def test_rows_that_do_not_fit_change_nothing(bench: Bench) -> None:
    bench.run("parked", "redrive", bench.job_id, "0-2", "--edit", "-", stdin=b"8\n")
    assert bench.code == 2
    assert bench.run("parked", "show", bench.job_id, "0-2", "--input") == "1\n2\n"
    assert bench.sent(names.RETRIES) == []


def test_a_chunk_is_discarded_only_with_a_yes(bench: Bench) -> None:
    bench.run("parked", "discard", bench.job_id, "0-2", "--reason", "closed")
    assert "2 rows for good" in bench.err
    assert bench.sent(names.FAILED) == []
    bench.run("parked", "discard", bench.job_id, "0-2", "--reason", "closed", "--yes")
    (message,) = bench.sent(names.FAILED)
    assert (message["type"], message["attempt"]) == ("DiscardDue", 3)
    assert message["reason"].startswith("discarded: closed; parked for: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("redrive",),
        ("redrive", "--all", "J", "0-1"),
        ("redrive", "J", "0-1", "--job", "J"),
        ("redrive", "--all", "--edit", "-"),
        ("redrive", "J", "zero"),
        ("show", "J", "0-1"),
        ("discard",),
    ],
)
def test_wrong_usage_exits_with_2_and_does_nothing(bench: Bench, arguments: tuple[str, ...]) -> None:
    bench.run("parked", *arguments)
    assert bench.code == 2
    assert bench.sent(names.RETRIES) == []


def test_dead_letters_are_grouped_by_cause(bench: Bench) -> None:
    dead = bench.sim.cloud.queue(f"{names.FAILED}-dead").name
    bodies = [
        json.dumps({"eventName": "InferenceResult", "invocationStatus": "Failed", "inferenceId": f"x{number}",
                    "failureReason": f"no row {number}"})
        for number in (17, 18)
    ]  # fmt: skip
    for body in (*bodies, "{"):
        bench.sim.cloud.sqs.send_message(QueueUrl=dead, MessageBody=body)
    groups = bench.lines("dlq", "peek", "failed", "--by-cause")
    assert (groups[0]["letters"], groups[0]["cause"]) == (2, "Failed: no row …")
    assert groups[1]["cause"].startswith("unreadable: not JSON")
    assert "   2  Failed: no row …" in bench.run("dlq", "peek", "failed", "--by-cause")
    chosen = ("dlq", "redrive", "failed", "--cause", groups[0]["cause_id"])
    assert "about 2 letters" in bench.run(*chosen)
    assert len(bench.lines(*chosen, "--yes")) == 2
    assert [each["letters"] for each in bench.lines("dlq", "peek", "failed", "--by-cause")] == [1]


def test_dead_letters_are_sent_only_with_a_yes(bench: Bench) -> None:
    body = RetryDue(job_id=bench.job_id, first_row=0, rows=2, attempt=2, tries=2, reason="x").to_json()
    bench.sim.cloud.sqs.send_message(QueueUrl="retries-dead", MessageBody=body)
    assert {each["queue"]: each["letters"] for each in bench.lines("dlq", "list")}["retries"] == 1
    assert "RetryDue" in bench.run("dlq", "peek", "retries")
    assert "about 1 letters" in bench.run("dlq", "redrive", "retries")
    assert bench.sent(names.RETRIES) == []
    assert [each["times"] for each in bench.lines("dlq", "redrive", "retries", "--yes")] == [1]
    assert bench.sent(names.RETRIES) == [json.loads(body)]
    assert bench.sent("retries-dead") == []


def test_results_are_printed_once(bench: Bench) -> None:
    bench.sim.endpoint.down = False
    bench.run("parked", "redrive", "--all", "--yes")
    bench.sim.drain()
    first = bench.lines("results", "--max", "2")
    rest = bench.lines("results")
    assert sorted(each["type"] for each in [*first, *rest]) == ["JobFinished", "PartReady", "PartReady"]
    assert bench.run("results") == ""


def test_what_is_for_a_spreadsheet_holds_no_formula_and_the_parts_stay_as_they_are() -> None:
    data = Dataset((Row(b"=1+1", b"1"), Row(b"-2", b"3,3")))
    sim, job_id, _ = parked_simulation(data, Schedule())
    sim.endpoint.down = False
    bench = Bench(sim, job_id)
    bench.run("parked", "redrive", "--all", "--yes")
    sim.drain()
    safe = bench.run("download", job_id, "--safe-csv", "--quiet")
    assert safe == data.result.decode().replace("=1+1", "'=1+1")
    assert bench.run("download", job_id, "--quiet") == data.result.decode()
    assert bench.run("rejects", job_id) == 'row,reason,id,x\n1,"2 fields expected, 3 found",-2,3,3\n'


def test_status_says_why_chunks_are_parked_and_which_command_goes_on(bench: Bench) -> None:
    text = bench.run("status", bench.job_id)
    assert "chunk 000000000000-2 is parked: no worker (server error 500 from model)" in text
    assert f"tailrace parked redrive --all --job {bench.job_id} --stack stack --yes" in text
    (found,) = bench.lines("status", bench.job_id)
    assert found["chunks_parked"] == len(found["parked"]) == 2
    first = found["parked"][0]
    assert (first["range"], first["rows"], first["redrives"]) == ("000000000000-2", 2, 0)
    assert "(500)" in first["reason"]
    assert first["command"] == f"tailrace parked redrive {bench.job_id} 000000000000-2 --stack stack"
    assert found["next_attempt_at"] is None


def test_wait_says_why_chunks_are_parked_at_once_and_when_its_time_is_over(bench: Bench) -> None:
    assert bench.run("wait", bench.job_id, "--timeout", "1s") == ""
    assert bench.code == 1
    assert bench.err.count("chunk 000000000000-2 is parked: no worker (server error 500 from model)") == 2
    assert "parked redrive --all" in bench.err
    assert bench.run("wait", bench.job_id, "--timeout", "1s", "--json", "--quiet").count("(500)") == 2
    assert bench.err.count("chunk 000000000000-2 is parked") == 1


def test_first_aid_comes_while_a_job_waits_for_an_operator_and_nothing_is_scored(tmp_path: Path) -> None:
    sim = Simulation(operator=False)
    sim.endpoint.fail_with = f"{SERVER_ERROR} ValueError: feature_names mismatch"
    (tmp_path / "in.csv").write_bytes(_DATA.text)
    bench = Bench(sim, "")
    bench.run("submit", str(tmp_path / "in.csv"), "--keep", "id", "--job-key", "k")
    bench.job_id = sim.ledger.jobs(1)[0].job_id
    while not any(each.parked for each in sim.leaves(bench.job_id)):
        sim.pump()
        sim.wait()
    assert "`--header repeat`" in bench.run("status", bench.job_id).splitlines()[-1]
    (found,) = bench.lines("status", bench.job_id)
    assert ["--header repeat" in hint for hint in found["advice"]] == [True]
    bench.run("wait", bench.job_id, "--timeout", "1s")
    assert "first aid: The model looks for columns by name" in bench.err


def test_status_says_when_the_next_attempt_is_due_and_now_makes_it(bench: Bench) -> None:
    sim = bench.sim
    bench.run("parked", "redrive", bench.job_id, "0-2")
    sim.pump()
    (found,) = bench.lines("status", bench.job_id)
    due_at = datetime.fromisoformat(found["next_attempt_at"]).timestamp()
    assert sim.cloud.clock() <= due_at + 1 <= sim.cloud.clock() + 7
    assert "next_attempt_at:" in bench.run("status", bench.job_id)

    bench.run("parked", "redrive", bench.job_id, "0-2")
    assert "--now makes its next attempt at once" in bench.err
    (done,) = bench.lines("parked", "redrive", bench.job_id, "0-2", "--now")
    assert (done["action"], done["done"]) == ("hurried", True)
    assert bench.sent(names.RETRIES)[-1]["attempt"] == 5
    assert "would be hurried" in bench.run("parked", "redrive", "--all", "--job", bench.job_id, "--now")
    bench.run("parked", "redrive", "--all", "--now", "--yes")
    assert (bench.code, "--now needs" in bench.err) == (2, True)


def test_a_job_that_fails_when_a_chunk_needs_an_operator_exits_as_failed(tmp_path: Path) -> None:
    sim = Simulation(operator=False)
    sim.endpoint.down = True
    source = tmp_path / "in.csv"
    source.write_bytes(_DATA.text)
    bench = Bench(sim, "")
    bench.run("submit", str(source), "--keep", "id", "--on-parked", "fail", "--job-key", "k")
    bench.job_id = sim.ledger.jobs(1)[0].job_id
    sim.drain()
    (found,) = bench.lines("wait", bench.job_id)
    assert (found["state"], found["rows_cancelled"], bench.code) == ("failed", 3, 4)
    assert "need an operator" in found["reason"]
    assert "(500)" in found["reason"]
    assert not sim.cloud.queue(names.PARKED).messages


def test_one_result_at_a_time_prints_all_and_leaves_nothing_hidden(bench: Bench) -> None:
    bench.sim.endpoint.down = False
    bench.run("parked", "redrive", "--all", "--yes")
    bench.sim.drain()
    queue = bench.sim.cloud.queue(names.RESULTS)
    held = len(queue.messages)
    found = [line for _ in range(held) for line in bench.lines("results", "--max", "1")]
    assert len({each["event_id"] for each in found}) == held == 3
    assert queue.messages == bench.sim.cloud.queue(f"{names.RESULTS}-dead").messages == {}


def test_a_peek_prints_the_events_and_receives_none(bench: Bench) -> None:
    bench.sim.endpoint.down = False
    bench.run("parked", "redrive", "--all", "--yes")
    bench.sim.drain()
    queue = bench.sim.cloud.queue(names.RESULTS)
    for _ in range(6):
        seen = bench.lines("results", "--peek")
    assert "about 3 events wait in the queue" in bench.err
    assert [each.receives for each in queue.messages.values()] == [0, 0, 0]
    sent = [json.loads(each.body) for each in queue.messages.values()]
    own = ("body", "received_at", "completed_at")
    kept = [{name: value for name, value in each.items() if name not in own} for each in sent]
    assert sorted(seen, key=str) == sorted(kept, key=str)
    assert len(bench.lines("results", "--peek", "--max", "1")) == 1
    bench.run("results", "--peek", "--follow")
    assert bench.code == 2
