"""The policies and the schedule of docs/inbox.md: checked as those of the templates are."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tailrace_core.submission.option_objects import parse_options
from tests.infra.gate.tools import CHECKS, beside_python, output
from tests.tools import skipped_without_tools

PAGE = Path(__file__).parents[2] / "docs" / "inbox.md"
_PARLIAMENT = """
import json, sys, warnings
warnings.simplefilter("ignore")
from parliament import analyze_policy_string
print(json.dumps([[f.issue, str(f.detail)] for p in json.load(sys.stdin) for f in analyze_policy_string(p).findings]))
"""


def blocks(kind: str) -> list[str]:
    """Return the page's code blocks in a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_policies_hold_together() -> None:
    policies = [each for each in blocks("json") if "Statement" in each]
    assert len(policies) == 2
    with skipped_without_tools():
        assert json.loads(output([CHECKS / "python", "-c", _PARLIAMENT], text=json.dumps(policies))) == []


def test_another_accounts_bucket_lets_one_role_read_and_nothing_else() -> None:
    ours, theirs = (json.loads(each)["Statement"] for each in blocks("json") if "Statement" in each)
    (letting,) = theirs
    assert (letting["Effect"], letting["Action"]) == ("Allow", "s3:GetObject")
    assert re.fullmatch(r"arn:aws:iam::\d{12}:role/[\w-]+", letting["Principal"]["AWS"])
    assert letting["Resource"] in {each["Resource"] for each in ours}
    assert [each["Action"] for each in ours] == ["s3:GetObject", "s3:PutObject"]


def test_the_schedule_copies_what_the_role_may(tmp_path: Path) -> None:
    (schedule,) = (each for each in blocks("yaml") if "AWS::Scheduler" in each)

    found = re.search(r"Input: >-\n\s+(\{.*?\})\n", schedule, re.DOTALL)
    assert found is not None
    copy = json.loads(found[1])
    reading, writing = json.loads(next(each for each in blocks("json") if "ReadExports" in each))["Statement"]
    assert f"arn:aws:s3:::{copy['CopySource']}".startswith(reading["Resource"].removesuffix("*"))
    assert f"arn:aws:s3:::{copy['Bucket']}/{copy['Key']}".startswith(writing["Resource"].removesuffix("*"))
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
    template = tmp_path / "schedule.yaml"
    resources = schedule.replace("\n", "\n  ")
    template.write_text(f"Resources:\n  NightlyStockRole: {json.dumps(role)}\n  {resources}", encoding="utf-8")
    command: list[str | Path] = [
        beside_python("cfn-lint"),
        "--format",
        "json",
        "--regions",
        "eu-west-1",
        "--",
        template,
    ]
    assert json.loads(output(command)) == []


def test_the_options_on_the_page_are_options() -> None:
    found = re.search(r"^\$ cat (\S+)\n(\{.*\})$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    options = parse_options(found[2].encode(), found[1])
    assert (options.keep, options.tags) == (("store", "item"), {"team": "supply"})
