"""A bounded number of random jobs under random faults on the deployed stack.

`make torture DEPLOYED=1` runs more.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tailrace_local.control.fault_admin import CloudFaultPlan
from tests.faults.deployed.faulty_cloud import FUNCTIONS
from tests.faults.deployed.random_faults import rule
from tests.faults.deployed.random_jobs import Interruption, RandomJob
from tests.faults.deployed.rounds import SEED, Round, RoundRunner

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

KILLS = [
    rule("kill_after", function="*CollectResults*", call="dynamodb.TransactWriteItems", limit=1),
    rule("kill_before", function="*CollectResults*", call="sns.Publish*", limit=1),
    rule("kill_after", function="*HandleFailures*", number=4, limit=1),
    rule("kill_after", function="*DispatchRetries*", call="sagemaker*", limit=1),
    rule("kill_before", function="*ReconcileJobs*", number=4, limit=1),
]
"""Kills each function during its work: each event makes at least that many calls, or such a
call."""


def test_jobs_come_out_right_though_every_kind_of_process_is_killed_inside_its_work(runner: RoundRunner) -> None:
    source = random.Random(SEED)
    jobs = tuple(
        RandomJob.of(source, interruption=interruption)
        for interruption in (Interruption.PRODUCER_KILLED, Interruption.NOTHING)
    )
    failing = [rule({"kind": "status", "status": 503}, inference_id=r"\.1$", rate=0.3), rule("drop", rate=0.2)]
    plan = {"seed": SEED, "sagemaker": {"rules": failing}, "functions": {"rules": KILLS}}
    killed = runner.totals["producers killed"]

    reports = runner.play(Round(jobs, CloudFaultPlan.model_validate(plan)))

    log = runner.admin.log()["functions"]
    for entry in log:
        print(f"{entry['function']}: {entry['kind']} {entry['call']}, call {entry['number']} of its event")
    landed = Counter(name for name in FUNCTIONS for entry in log if name in entry["function"])
    assert set(landed) == set(FUNCTIONS)
    assert min(entry["number"] for entry in log) > 1
    assert runner.totals["producers killed"] > killed
    assert sum(report.recovered for report in reports)


def test_random_jobs_under_random_faults_end_as_they_must(runner: RoundRunner) -> None:
    played = Round.of(f"{SEED}:0")
    print(played)
    for report in runner.play(played):
        print(report)
    print(runner.summary())
