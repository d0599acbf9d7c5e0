"""docs/security.md answers every item of the checklist, and what it names exists."""

from __future__ import annotations

import json
import re

import pytest

from tests.infra import rules
from tests.infra.templates import ROOT, paths, source

PAGE = (ROOT / "docs/security.md").read_text()
# Number of items in each part of the checklist.
ITEMS = {"A": range(4), "I": range(1, 23), "R": range(1, 13), "D": range(1, 11), "V": range(1, 14), "T": range(1, 16),
         "W": range(1, 9)}  # fmt: skip
ROWS = re.findall(r"^\| ([A-Z]\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
NAMES = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))
TEMPLATES = " ".join(json.dumps(source(path).body) for path in paths())
OURS = {rule.__name__ for rule in rules.RULES}


def test_every_item_is_answered_once_in_order() -> None:
    assert [row[0] for row in ROWS] == [f"{part}{number}" for part, numbers in ITEMS.items() for number in numbers]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_an_answer_is_one_of_three_and_says_more(row: tuple[str, str, str, str]) -> None:
    _, item, answer, reason = (each.strip() for each in row)
    assert answer in {"met", "not applicable", "deployer"}
    assert len(item) > 5
    assert len(reason) > 10


@pytest.mark.parametrize("name", [name for name in NAMES if "/" in name and " " not in name])
def test_a_file_that_it_names_exists(name: str) -> None:
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("name", [name for name in NAMES if re.fullmatch(r"[a-z]+(_[a-z]+)+", name)])
def test_a_rule_that_it_names_exists(name: str) -> None:
    assert name in OURS


@pytest.mark.parametrize("name", [name for name in NAMES if re.fullmatch(r"[A-Z][A-Za-z]+", name)])
def test_what_it_names_stands_in_a_template(name: str) -> None:
    assert f'"{name}"' in TEMPLATES


def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE):
        assert (ROOT / "docs" / link).is_file(), link


def test_every_rule_of_ours_is_named_where_it_answers_something() -> None:
    assert set(NAMES) >= OURS
