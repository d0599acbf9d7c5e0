"""Cold starts: each function's built artifact against boto3 with the function's clients.

Measured once until the clients are made, and once until the first event is handled, so that
deferred work counts.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.contests import SECONDS, Benchmark, Contest, Contestant, Figure, Ratio, Run, Scale
from tests.benchmarks.file_cache import FOLDER
from tests.benchmarks.processes import ROOT, reporting

FUNCTIONS = {
    "CollectResults": ("collect_results", ("s3", "dynamodb", "sns")),
    "HandleFailures": ("handle_failures", ("s3", "dynamodb", "sqs")),
    "DispatchRetries": ("dispatch_retries", ("dynamodb", "sagemaker-runtime")),
    "ReconcileJobs": ("reconcile_jobs", ("s3", "dynamodb", "sqs")),
}
"""Each function's folder, and the clients that an ordinary message makes it use."""
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_CONFIG_FILE": "/dev/null",
    "POWERTOOLS_METRICS_NAMESPACE": "Tailrace",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    "TAILRACE_RESULTS_TOPIC": "arn:aws:sns:eu-west-1:000000000000:results",
    **dict.fromkeys(("TAILRACE_BUCKET", "TAILRACE_LEDGER_TABLE", "TAILRACE_ENDPOINT_NAME"), "bench"),
    **{f"TAILRACE_{name}_QUEUE": "https://queue" for name in ("RETRIES", "PARKED", "SUCCEEDED", "FAILED")},
}
_ANSWERS: dict[str, dict[str, int]] = {"ReconcileJobs": {}}
"""Answers to an event of functions that are not invoked by messages and report no failed ones."""
_PYTHON = ROOT / ".tools/lambda/bin/python"
"""The Python with the runtime's boto3 and without the project."""


@contextmanager
def _starting(_: Scale) -> Iterator[Contest]:
    found: dict[str, Contestant] = {}
    recordings = FOLDER / "ordinary"
    subprocess.run([sys.executable, "-m", "tests.faults.sample_events", recordings], check=True, cwd=ROOT)
    for function, (folder, clients) in FUNCTIONS.items():
        artifact = _built(function)
        handler = f"tailrace_consumers.{folder}.handler"
        found[function] = Contestant(_start(clients, artifact, handler), list(clients))
        found[f"{function} with its first event"] = Contestant(
            _first_event(artifact, recordings / f"{folder}.json"), _ANSWERS.get(function, {"batchItemFailures": []})
        )
        found[f"boto3 for {function}"] = Contestant(_start(clients), list(clients))
    yield Contest(found)


def _start(clients: tuple[str, ...], *artifact: str) -> Callable[[], Run]:
    script = Path(__file__).with_name("ours") / "importing.py"
    # Without writing .pyc files: the runtime's code folder is read-only.
    return reporting([_PYTHON, "-I", "-B", script, ",".join(clients), *artifact], env=_ENVIRONMENT)


def _first_event(artifact: str, recording: Path) -> Callable[[], Run]:
    script = ROOT / "tests/infra/first_event.py"
    return reporting([_PYTHON, "-I", "-B", script, artifact, recording.stem, recording], env=_ENVIRONMENT)


def _built(function: str) -> str:
    """Build the function's artifact as `sam build` does, for this Python; return its folder."""
    folder = FOLDER / "artifacts" / function
    # What an earlier build left there might be imported.
    shutil.rmtree(folder, ignore_errors=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    subprocess.run(
        ["make", "-s", "-C", ROOT / "consumers", f"build-{function}", f"ARTIFACTS_DIR={folder}",
         f"TAILRACE_BUILD_PYTHON={version}", f"TAILRACE_BUILD_INTERPRETER={_PYTHON}"],
        check=True,
        stdout=sys.stderr,
    )  # fmt: skip
    return str(folder)


def _ratio(function: str) -> Ratio:
    return Ratio(
        name=f"cold start of {function} ÷ boto3 with its clients",
        ours=Figure.of(SECONDS, function),
        theirs=Figure.of(SECONDS, f"boto3 for {function}"),
        bar=1.4,
        unit="s",
        note="import of the built artifact and its service, which needs no clients",
    )


def _first_event_ratio(function: str) -> Ratio:
    return Ratio(
        name=f"cold start of {function} with its first event ÷ boto3 with its clients",
        ours=Figure.of(SECONDS, f"{function} with its first event"),
        theirs=Figure.of(SECONDS, f"boto3 for {function}"),
        bar=1.0,
        unit="s",
        note="the same until an ordinary event is handled, with the calls that it makes answered at once",
    )


BENCHMARKS = (Benchmark("start", _starting, (*map(_ratio, FUNCTIONS), *map(_first_event_ratio, FUNCTIONS))),)
