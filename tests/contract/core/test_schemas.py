"""The published JSON Schemas equal those of the models: a contract changes only on purpose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tailrace_core.messages.schemas import DIALECT, main, schemas

FOLDER = Path(__file__).parents[3] / "docs" / "schemas"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_committed_schema_is_the_models(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == schemas()[name], (
        "the contract changed: note it in CHANGELOG.md and run `python -m tailrace_core.messages.schemas docs/schemas`"
    )


def test_no_schema_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(schemas())


@pytest.mark.parametrize("text", schemas().values(), ids=schemas())
def test_every_field_says_its_type_and_messages_tolerate_more(text: str) -> None:
    schema = json.loads(text)
    assert schema["$schema"] == DIALECT
    assert schema.get("additionalProperties") is not False
    assert schema["properties"]["schema_version"]["const"] == 1
    assert "const" in schema["properties"]["type"]


def test_the_generator_writes_them(tmp_path: Path) -> None:
    assert main([str(tmp_path / "new")]) == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "new").iterdir()} == schemas()


def test_the_generator_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
