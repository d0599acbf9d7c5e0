"""The anchors of the templates are used, and none reaches CloudFormation; logical ids stay the same."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # ships no types

from tests.infra.templates import ROOT, as_deployed, paths, source

LOGICAL_IDS: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("logical_ids.json").read_text())

# Reads and writes a template as `sam build`, `sam package` and `sam deploy` do.
_REWRITE = """
import sys
from samcli.yamlhelper import parse_yaml_file, yaml_dump
sys.stdout.write(yaml_dump(parse_yaml_file(sys.argv[1])))
"""


def tokens(text: str, kind: type[Any]) -> list[str]:
    return [token.value for token in yaml.scan(text) if isinstance(token, kind)]


@pytest.mark.parametrize("path", paths())
def test_every_anchor_is_used(path: str) -> None:
    text = (ROOT / path).read_text()
    anchors = tokens(text, yaml.AnchorToken)
    assert len(set(anchors)) == len(anchors)
    assert set(anchors) == set(tokens(text, yaml.AliasToken))


@pytest.mark.parametrize("path", paths())
def test_the_sam_cli_writes_every_shared_part_out(path: str) -> None:
    # The local cloud would accept anchors; CloudFormation rejects them.
    command: list[str | Path] = [ROOT / ".tools/sam/bin/python", "-c", _REWRITE, ROOT / path]
    written = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert tokens(written, yaml.AnchorToken) + tokens(written, yaml.AliasToken) == []
    assert not re.search(r"^\s*(- )?<<:", written, re.MULTILINE)
    assert yaml.safe_load(written) == source(path).body


@pytest.mark.parametrize("path", paths())
def test_no_logical_id_changes(path: str) -> None:
    # CloudFormation replaces a resource whose logical id changes. A new resource is a new line in
    # the snapshot.
    found = {key: resource["Type"] for key, resource in as_deployed(path).body["Resources"].items()}
    assert found == LOGICAL_IDS[path]
