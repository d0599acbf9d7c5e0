"""The blocks of docs/from-data-to-model.md, run in their order: from a raw CSV to a scored file."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.local.pages import ROOT, blocks, page_shell
from tests.integration.local.shell import Shell

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

FOLDER = ROOT / ".tailrace" / "model"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shutil.rmtree(FOLDER, ignore_errors=True)
    with page_shell(tmp_path / "state") as shell:
        yield shell


def test_a_raw_csv_becomes_a_model_and_new_rows_are_scored(shell: Shell) -> None:
    said: dict[str, str] = {}
    for block in blocks("from-data-to-model.md"):
        if block.file:
            (FOLDER / block.file).write_text(block.text)
            continue
        for command in block.commands:
            ran = shell.run(command)
            assert ran.code == 0, f"{command}: {ran.output[-3000:]}"
            said[command] = ran.output

    # The data are as raw as the page says, and prepared they are not.
    raw, trained = (FOLDER / "raw.csv").read_text(), (FOLDER / "train.csv").read_text()
    assert re.search(r",  [0-9.]+ ,", raw)
    assert ",n/a," in raw
    assert ",," in raw
    assert not re.search(r",,|n/a|, ", trained)
    # Three models were measured, and the best of them leads.
    told = next(text for command, text in said.items() if command.endswith("--json"))
    models = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert [each["rank"] for each in models] == [1, 2, 3]
    errors = [each["validation"]["RMSE"] for each in models]
    assert errors == sorted(errors)
    assert len(set(errors)) == 3
    assert models[0]["validation"]["R2"] > 0.6
    # The command of the page is the one that `train` says.
    (deployed,) = [command for command in said if "local deploy" in command]
    assert deployed in next(text for command, text in said.items() if command.startswith("tailrace train"))
    # Every new row is scored, and what the model says resembles what was sold.
    with (FOLDER / "scored.csv").open(newline="") as file:
        scored = list(csv.DictReader(file))
    assert [row["order_id"] for row in scored] == [str(at) for at in range(2000)]
    assert correlation([float(row["prediction"]) for row in scored], sold(2000, seed=12)) > 0.7
    shutil.rmtree(FOLDER)


def sold(rows: int, seed: int) -> list[float]:
    """Return what the rows of the demo's data sold."""
    from tailrace_local.demo.demand import targets  # noqa: PLC0415 - NumPy, which only this test needs

    found: list[float] = targets(seed, rows).tolist()
    return found


def correlation(one: list[float], other: list[float]) -> float:
    import numpy as np  # noqa: PLC0415 - the same

    return float(np.corrcoef(one, other)[0, 1])
