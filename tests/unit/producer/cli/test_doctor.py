"""The command ``tailrace doctor``: text, JSON and exit codes."""

from __future__ import annotations

import io
import json
from email.utils import formatdate

import pytest

from tailrace.cli.application import run
from tailrace.cli.environment import Environment
from tests.unit.producer.doctor.account import Account, Connection, denied


class Shell:
    """Runs command lines against an account."""

    def __init__(self, account: Account) -> None:
        self.connection = Connection(account)
        self.err = ""
        self.code = 0

    def run(self, *arguments: str) -> str:
        out, err = io.BytesIO(), io.StringIO()
        self.code = run(arguments, Environment(reach=lambda _: self.connection, stdout=out, stderr=err))
        self.err = err.getvalue()
        return out.getvalue().decode()


@pytest.fixture
def account() -> Account:
    """A healthy account whose clock is this machine's, as the command takes no other."""
    account = Account()
    answer = account.answers["sts.get_caller_identity"]({})
    answer["ResponseMetadata"]["HTTPHeaders"]["date"] = formatdate(usegmt=True)
    account.answers["sts.get_caller_identity"] = lambda _: answer
    return account


def test_a_healthy_stack_exits_with_0_and_counts_its_lines(account: Account) -> None:
    shell = Shell(account)
    lines = shell.run("doctor", "--stack", "demand").splitlines()
    assert all(line.startswith("OK") for line in lines)
    assert (shell.code, shell.err.strip()) == (0, f"{len(lines)} OK")
    assert shell.connection.closed


def test_a_failed_check_exits_with_1_and_shows_its_command(account: Account) -> None:
    account.mapping["State"] = "Disabled"
    shell = Shell(account)
    text = shell.run("doctor", "--stack", "demand", "--region", "eu-west-1")
    assert shell.code == 1
    assert "FAIL         mappings" in text
    assert "$ aws lambda update-event-source-mapping --uuid u-1 --enabled --region eu-west-1" in text
    assert "3 FAIL" in shell.err


def test_a_warning_and_a_missing_permission_exit_with_0(account: Account) -> None:
    account.counts["ParkedQueue"] = {"ApproximateNumberOfMessages": "1"}
    account.answers["lambda.get_account_settings"] = denied("lambda.get_account_settings")
    shell = Shell(account)
    text = shell.run("doctor", "--stack", "demand")
    assert (shell.code, shell.err.partition(" OK, ")[2].strip()) == (0, "1 WARN, 1 cannot tell")
    assert "cannot tell  concurrency" in text
    assert "$ tailrace parked redrive --all --yes --stack demand" in text


def test_json_is_an_object_a_line(account: Account) -> None:
    account.counts["ParkedQueue"] = {"ApproximateNumberOfMessages": "1"}
    shell = Shell(account)
    found = {
        each["check"]: each for each in map(json.loads, shell.run("doctor", "--stack", "demand", "--json").splitlines())
    }
    assert found["parked"] == {
        "check": "parked",
        "status": "WARN",
        "seen": "1 parked chunks wait for an operator",
        "command": "tailrace parked redrive --all --yes --stack demand",
        "advice": "see them with `tailrace parked list --stack demand` and fix the cause first",
        "details": [],
    }
    assert found["stack"]["command"] is None


def test_a_stack_has_to_be_named(account: Account) -> None:
    shell = Shell(account)
    shell.run("doctor")
    assert (shell.code, account.calls) == (2, [])


def test_an_exercise_needs_a_row_and_a_stack(account: Account) -> None:
    shell = Shell(account)
    for more in (("--exercise",), ("--exercise", "--row", "1", "--preflight")):
        shell.run("doctor", "--stack", "demand", *more)
        assert (shell.code, account.calls) == (2, [])
        assert "--row" in shell.err


def test_a_preflight_needs_no_stack_and_takes_the_deployments_parameters(account: Account) -> None:
    shell = Shell(account)
    # The account answers what a stack's checks ask, and refuses the rest as unknown.
    found = {each["check"]: each for each in map(json.loads, shell.run("doctor", "--preflight", "--json").splitlines())}
    assert "region eu-west-1" in found["identity"]["seen"]
    wanted = ("--maximum-concurrency", "400", "--image", "x")
    found = {
        each["check"]: each
        for each in map(json.loads, shell.run("doctor", "--preflight", "--json", *wanted).splitlines())
    }
    assert (found["concurrency"]["status"], found["image"]["status"], shell.code) == ("WARN", "FAIL", 1)
