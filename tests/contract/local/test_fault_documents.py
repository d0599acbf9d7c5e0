"""The documented fault plans are valid plans."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tailrace_local.cloud.functions.fault_injection.plan import FunctionFaultPlan
from tailrace_local.control.fault_admin import CloudFaultPlan
from tailrace_local.sagemaker import FaultPlan

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "local-cloud.md"
README = ROOT / "infra" / "local" / "tailrace_local" / "sagemaker" / "README.md"


@pytest.mark.parametrize(("document", "plan"), [(GUIDE, CloudFaultPlan), (README, FaultPlan)])
def test_every_example_is_a_valid_plan_with_rules(document: Path, plan: type[BaseModel]) -> None:
    examples = re.findall(r"```json\n(.*?)```", document.read_text(), re.DOTALL)
    assert examples
    for example in examples:
        assert '"rules"' in plan.model_validate(json.loads(example)).model_dump_json()


@pytest.mark.parametrize("plan", [FaultPlan, FunctionFaultPlan])
def test_every_kind_and_every_selection_is_in_the_guide(plan: type[BaseModel]) -> None:
    schema = plan.model_json_schema()["$defs"]
    named = set(re.findall(r"`(\w+)`", GUIDE.read_text()))
    assert kinds(schema) <= named
    assert set(schema["Selection"]["properties"]) <= named


def kinds(schema: dict[str, Any]) -> set[str]:
    found = set()
    for definition in schema.values():
        kind = definition["properties"].get("kind", {})
        found |= {kind["const"]} if "const" in kind else set(kind.get("enum", ()))
    assert found
    return found
