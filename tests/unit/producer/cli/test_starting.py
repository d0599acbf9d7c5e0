"""Each command imports what it needs and no more, so that its start does not grow unseen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

_REPORT = """
import atexit, json, sys, threading
before = set(sys.modules)
def report():
    for thread in threading.enumerate():
        if thread.name == "tailrace-imports":
            thread.join()
    sys.__stdout__.write("\\n" + json.dumps(sorted(set(sys.modules) - before)))
atexit.register(report)
sys.argv = ["tailrace", *sys.argv[1:]]
from tailrace.cli import main
main()
"""
_HEAVY = frozenset(
    {"aioboto3", "aiohttp", "boto3", "botocore", "click", "importlib.metadata", "multiprocessing", "numpy", "pandas",
     "pyarrow", "pydantic", "rich", "s3transfer", "starlette", "typer", "ulid", "urllib3"}
)  # fmt: skip
"""Packages that take tens of milliseconds each."""


def imported(folder: Path, *arguments: str) -> Counter[str]:
    """Return the top-level packages that a command imports, with the numbers of their modules.

    The environment is plain, and nobody listens at its address: a command goes as far as its first
    request, after which it imports what it needs for its work while it waits for the answer.
    """
    variables = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
    }
    done = subprocess.run(
        [sys.executable, "-c", _REPORT, *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    modules: list[str] = json.loads(done.stdout.splitlines()[-1])
    assert "Traceback" not in done.stderr, done.stderr
    heavy = {each for each in modules if each in _HEAVY}
    return Counter([*(each.partition(".")[0] for each in modules), *(each for each in heavy if "." in each)])


AT = ("--stack", "s", "--endpoint-url", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("arguments", "heavy", "ours", "all_modules"),
    [
        (("--version",), set(), 10, 30),
        (("--help",), {"importlib.metadata"}, 11, 100),
        (("status", "JOB", *AT), set(), 103, 180),
        (("jobs", *AT), set(), 103, 180),
        (("wait", "JOB", *AT), set(), 103, 180),
        (("download", "JOB", *AT), {"pydantic", "importlib.metadata"}, 123, 380),
        (("score", __file__, "--model-url", "http://127.0.0.1:1", "--header", "none"), set(), 95, 250),
        (("advise", __file__, "--header", "none"), {"pydantic", "importlib.metadata"}, 85, 330),
        (("submit", "plain.csv", *AT, "--header", "none"), set(), 146, 240),
        (("submit", __file__, *AT, "--header", "none"), {"numpy"}, 155, 430),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_command_imports_no_more_than_it_needs(
    arguments: tuple[str, ...], heavy: set[str], ours: int, all_modules: int, tmp_path: Path
) -> None:
    (tmp_path / "plain.csv").write_bytes(b"1,2\n3,4\n")
    found = imported(tmp_path, *arguments)
    assert set(found) & _HEAVY <= heavy
    assert found["tailrace"] + found["tailrace_core"] <= ours, found
    assert found.total() <= all_modules, found
