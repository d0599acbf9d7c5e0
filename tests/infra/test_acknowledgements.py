"""Findings are accepted one by one, for a reason, and as long as they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.gate.findings import Acknowledgement, Finding, acknowledgements, judge

FOUND = Finding("checkov", "CKV_AWS_18", "default", "template.yaml", "Bucket", "nobody logs")


def accepted(
    rule: str = "checkov CKV_AWS_18", where: str = "template.yaml: Bucket", deployments: tuple[str, ...] = ()
) -> Acknowledgement:
    return Acknowledgement((rule,), (where,), "for a good reason", deployments)


@pytest.mark.parametrize(
    "acknowledgement",
    [
        accepted(),
        accepted(where="template.yaml: *"),
        accepted(rule="* CKV_AWS_18"),
        accepted(deployments=("hardened", "default")),
    ],
)
def test_a_finding_is_accepted_by_its_rule_and_place(acknowledgement: Acknowledgement) -> None:
    verdict = judge([FOUND], [acknowledgement])
    assert (verdict.open, verdict.unused) == ([], [])


@pytest.mark.parametrize(
    "acknowledgement",
    [
        accepted(rule="checkov CKV_AWS_1"),
        accepted(rule="cdk-nag CKV_AWS_18"),
        accepted(where="template.yaml: Bucke"),
        accepted(where="infra/endpoint.yaml: Bucket"),
        accepted(deployments=("hardened",)),
    ],
)
def test_a_finding_elsewhere_stays_open_and_the_acknowledgement_is_in_vain(acknowledgement: Acknowledgement) -> None:
    verdict = judge([FOUND], [acknowledgement])
    assert verdict.open == [FOUND]
    assert len(verdict.unused) == 1


def test_each_rule_has_to_be_found_at_each_of_its_places() -> None:
    both = Acknowledgement(
        ("checkov CKV_AWS_18", "cdk-nag S1"), ("template.yaml: Bucket", "template.yaml: Other"), "for a good reason"
    )
    assert len(judge([FOUND], [both]).unused) == 3


def test_what_is_written_down_gives_reasons(tmp_path: Path) -> None:
    assert all(len(each.reason) > 20 for each in acknowledgements())
    written = tmp_path / "acknowledgements.toml"
    written.write_text('[[acknowledged]]\nrules = ["a b"]\nwhere = ["x"]\nreason = "later"\n')
    with pytest.raises(ValueError, match="gives no reason"):
        acknowledgements(written)


def test_what_acknowledgements_do_not_have_is_refused(tmp_path: Path) -> None:
    written = tmp_path / "acknowledgements.toml"
    written.write_text(
        '[[acknowledged]]\nrules = ["a b"]\nwhere = ["x"]\nreason = "for a good reason"\nuntil = "2030"\n'
    )
    with pytest.raises(ValueError, match="until"):
        acknowledgements(written)
