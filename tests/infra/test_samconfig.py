"""The environments that docs/deploy.md shows are ones that the SAM CLI and the template take."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests.infra.evaluation import refusals
from tests.infra.templates import ROOT, root

CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())
SHOWN = "\n".join(re.findall(r"```toml\n(.*?)```", (ROOT / "docs/deploy.md").read_text(), re.DOTALL))
ENVIRONMENTS: dict[str, Any] = tomllib.loads(SHOWN)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_says_all_that_the_default_one_says(environment: str) -> None:
    # The SAM CLI reads one environment; nothing is inherited.
    shown, default = ENVIRONMENTS[environment]["deploy"]["parameters"], CONFIG["default"]["deploy"]["parameters"]
    assert {name: shown.get(name) for name in ("capabilities", "resolve_s3")} == {
        name: default[name] for name in ("capabilities", "resolve_s3")
    }
    assert shown["stack_name"] == environment


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environments_parameters_are_ones_that_the_template_takes(environment: str) -> None:
    given = dict(
        each.split("=", 1) for each in ENVIRONMENTS[environment]["deploy"]["parameters"]["parameter_overrides"]
    )
    assert refusals(root(), **given) == []
    for name, value in given.items():
        assert re.fullmatch(root().body["Parameters"][name].get("AllowedPattern", ".*"), value), name
