"""The command as a process: signals, closed streams and pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailrace_core.jobs.model import JobState
from tests.integration.local.polling import eventually
from tests.integration.producer.stack import NAME, Pipeline

_TAILRACE = str(Path(sys.executable).with_name("tailrace"))
_TIMEOUT_S = 60


def environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": url,
        "TAILRACE_STACK": NAME,
    }


def shell(url: str, command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace("tailrace", _TAILRACE)],
        env=environment(url),
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=False,
    )


@pytest.fixture
def attended() -> Iterator[None]:
    """Let SIGHUP end the processes of a test, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("attended")
@pytest.mark.parametrize(
    ("number", "key", "state"),
    [
        (signal.SIGTERM, (), JobState.CANCELLED),
        (signal.SIGHUP, (), JobState.CANCELLED),
        (signal.SIGTERM, ("--job-key", "nightly"), JobState.SUBMITTING),
    ],
)
def test_a_signal_closes_the_job_unless_its_key_lets_it_be_continued(
    stack: Pipeline, moto_url: str, number: signal.Signals, key: tuple[str, ...], state: JobState
) -> None:
    command = [_TAILRACE, "submit", "-", *key]
    with subprocess.Popen(
        command, env=environment(moto_url), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"a,b\n" + b"1,2\n" * 100_000)
        process.stdin.flush()
        # Its first chunk is there: the submit has heard that there is a job, which it may then close.
        job = eventually(
            lambda: next((each for each in stack.ledger().jobs(2) if list(stack.ledger().chunks(each.job_id))), None),
            what="a chunk of a job",
        )
        assert job is not None
        process.send_signal(number)
        # Its input stays open meanwhile, as that of a command in a pipeline may.
        assert process.wait(_TIMEOUT_S) == 128 + number
        said = process.stderr.read() if process.stderr else b""
    found = stack.ledger().job(job.job_id)
    assert found is not None
    assert found.state is state
    assert (b"terminated" if number == signal.SIGTERM else b"hung up") in said
    assert job.job_id.encode() in said
    assert b"Traceback" not in said


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("tailrace status X >&-", 1, b"standard output is closed"),
        ("tailrace --version >&-", 1, b"standard output is closed"),
        ("tailrace status X 2>&-", 2, b""),
        ("tailrace status X >&- 2>&-", 1, b""),
        ("tailrace --help > /dev/full", 1, b"No space left"),
        ("tailrace jobs > /dev/full", 1, b"No space left"),
        ("tailrace jobs 2> /dev/full", 0, b""),
        # The pipe's reader has ended before anything is written.
        ("exec 3> >(true); wait $!; tailrace jobs >&3", 1, b""),
        ("exec 3> >(true); wait $!; tailrace --help >&3", 1, b""),
        ("tailrace submit x.csv -o /proc/out.csv", 2, b"/proc/out.csv cannot be written"),
        ("tailrace jobs --endpoint-url notaurl", 2, b"'notaurl' is not an address"),
        ("tailrace jobs --endpoint-url http://x:y", 2, b"'http://x:y' is not an address"),
        ("AWS_ENDPOINT_URL=localhost:4566 tailrace jobs", 1, b"localhost:4566; write an address"),
        ("tailrace status ''", 2, b"it is empty"),
        ("tailrace status $'\\xff'", 2, b"UTF-8"),
        ("tailrace jobs --stack $'\\xff'", 2, b"UTF-8"),
        ("tailrace submit x.csv --job-key $'\\xff'", 2, b"UTF-8"),
        ("tailrace submit x.csv --output-columns $'p\\xff'", 2, b"UTF-8"),
        ("tailrace submit s3://no_bucket!/x.csv", 2, b"is not the address of an object"),
    ],
)
def test_streams_that_are_closed_full_or_left_give_a_clear_end(
    stack: Pipeline, moto_url: str, command: str, code: int, said: bytes
) -> None:
    assert stack.bucket
    done = shell(moto_url, command)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert said in done.stderr
    if not said:
        assert done.stderr == b""
