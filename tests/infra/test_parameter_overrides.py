"""The commands of docs/deploy.md, read by the SAM CLI's own parser, give the parameters that they mean."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from functools import cache
from typing import Any

import pytest

from tests.infra.evaluation import refusals
from tests.infra.templates import ROOT, root

PAGE = (ROOT / "docs/deploy.md").read_text()
# The command's own definition in the SAM CLI, with the defaults of samconfig.toml.
_PARSE = """
import json, sys
from samcli.commands.deploy.command import cli
print(json.dumps([cli.make_context("deploy", each).params for each in json.load(sys.stdin)], default=str))
"""


def commands() -> list[list[str]]:
    """Return the arguments of each `sam deploy` in the page that sets parameters."""
    lines = "\n".join(re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", " ").splitlines()
    found = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if "sam deploy" in line]
    return [words[2:] for words in found if words[:2] == ["sam", "deploy"] and "--parameter-overrides" in words]


@cache
def parsed(text: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [ROOT / ".tools/sam/bin/python", "-c", _PARSE],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=ROOT,
        env={"SAM_CLI_TELEMETRY": "0", "PATH": "/usr/bin:/bin", "HOME": str(ROOT / ".tools")},
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def overrides(*arguments: str) -> dict[str, str]:
    """Return the parameters that the SAM CLI reads from a command's arguments."""
    (found,) = parsed(json.dumps([["--stack-name", "tailrace", "--parameter-overrides", *arguments]]))
    given: dict[str, str] = found["parameter_overrides"]
    return given


def test_the_commands_of_the_page_are_ones_that_the_sam_cli_and_the_template_take() -> None:
    minimal, quoted = parsed(json.dumps(commands()))
    for found in (minimal, quoted):
        assert found["stack_name"] == "tailrace"
        assert found["capabilities"] == ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        assert not found["guided"]
        for name, value in found["parameter_overrides"].items():
            assert re.fullmatch(root().body["Parameters"][name].get("AllowedPattern", ".*"), value, re.DOTALL), name
    assert refusals(root(), **minimal["parameter_overrides"]) == []
    assert set(minimal["parameter_overrides"]) == {"ModelImage", "ModelDataUrl", "MaxInstanceCount"}
    assert refusals(root(), **minimal["parameter_overrides"], **floor(quoted["parameter_overrides"])) == []


def floor(given: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if name != "MaxInstanceCount"}


def test_quoted_values_arrive_whole() -> None:
    _, quoted = parsed(json.dumps(commands()))
    given = quoted["parameter_overrides"]
    assert given["FloorStart"] == "cron(30 7 ? * MON-FRI *)"
    assert given["FloorEnd"] == "cron(0 18 ? * MON-FRI *)"
    assert json.loads(given["ModelEnvironment"]) == {"WORKERS": "2"}


@pytest.mark.parametrize(
    ("written", "name"),
    [("FloorStart=cron(30 7 ? * MON-FRI *)", "FloorStart"), ('ModelEnvironment={"WORKERS": "2"}', "ModelEnvironment")],
)
def test_without_quotes_of_its_own_a_value_is_cut_and_the_template_refuses_it(written: str, name: str) -> None:
    value = overrides(written)[name]
    assert value != written.partition("=")[2]
    assert not re.fullmatch(root().body["Parameters"][name]["AllowedPattern"], value)


def test_the_settings_that_the_page_shows_arrive_whole() -> None:
    shown = tomllib.loads("\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)))
    for environment in shown.values():
        written = environment["deploy"]["parameters"]["parameter_overrides"]
        assert overrides(*written) == dict(each.split("=", 1) for each in written)
