"""A worker's output is copied whatever the number of the pipe's descriptor."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from tailrace_local.cloud.functions.output import WorkerOutput
from tests.integration.local.polling import eventually

_SELECT_TAKES = 1024
"""Descriptors that select() can wait for."""


@pytest.mark.parametrize("taken", [0, _SELECT_TAKES])
def test_output_is_copied_to_the_log_while_the_worker_runs(tmp_path: Path, taken: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * _SELECT_TAKES:
        pytest.skip("this process may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * _SELECT_TAKES), hard))
    held = [os.dup(0) for _ in range(taken)]
    try:
        log = tmp_path / "function.log"
        output = WorkerOutput(log)
        worker = os.dup(output.writing)
        output.started()
        assert worker >= taken
        os.write(worker, b"a line\n")
        eventually(lambda: log.exists() and log.read_bytes() == b"a line\n", within_s=30, what="the line in the log")
        os.close(worker)
        assert output.take() == "a line\n"
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
