"""The blocks of docs/bring-your-model.md, run as a reader would run them, on one cloud."""

from __future__ import annotations

import csv
import decimal
import json
import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from tailrace_local.control.workspace import Workspace
from tests.tools import skipped_without_tools

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

PAGE = Workspace.here().root / "docs" / "bring-your-model.md"
ROWS = "id,a,b\nx,1,2\ny,3,4\nz,5,0\n"
EXACT = {"x": 8.0, "y": 18.0, "z": 10.0}
# Starts whatever server the test has chosen, so that one deployment serves every example.
STARTER = "import os; os.execvp('sh', ['sh', '-c', 'exec ' + open('command.txt').read()])\n"


def blocks() -> dict[str, str]:
    """Return the page's files by name."""
    found = re.findall(r"<!-- file: (\S+) -->\s+```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return dict(found)


def mlflow_commands() -> list[list[str]]:
    """Return the page's commands for MLflow."""
    found = re.search(r"<!-- command: mlflow -->\s+```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    text = found[1].replace("\\\n", " ")
    return [shlex.split(line.removeprefix("$ ")) for line in text.splitlines()]


@dataclass(frozen=True)
class Desk:
    folder: Path
    environment: dict[str, str]

    def run(self, *argv: str) -> str:
        done = subprocess.run(
            argv, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=400, check=False
        )
        assert done.returncode == 0, f"{argv}: {done.stderr[-3000:]}"
        return done.stdout

    def serve(self, command: str) -> None:
        """Have the endpoint run this server."""
        if (self.folder / "command.txt").read_text() == command:
            return
        (self.folder / "command.txt").write_text(command)
        self.run("tailrace", "local", "model", "restart")

    def fails(self, *argv: str, code: int) -> str:
        """Return the standard output and error of a command that exits with this code."""
        done = subprocess.run(
            argv, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=400, check=False
        )
        assert done.returncode == code, f"{argv}: {done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def predictions(self, name: str) -> dict[str, float | None]:
        """Return the predictions of a result, None for a rejected row."""
        with (self.folder / name).open(newline="") as file:
            return {
                each["id"]: float(each["prediction"]) if each["prediction"] else None for each in csv.DictReader(file)
            }

    def scored(self, *options: str) -> dict[str, float]:
        """Score the file; before, one request to the server says that it will be."""
        asked = json.loads(self.run("tailrace", "local", "invoke", "rows.csv", "--keep", "id", *options, "--json"))
        assert (asked["aligned"], asked["rows_sent"], asked["status"]) == (True, 3, 200)
        assert asked["columns"] == [{"name": "prediction", "type": "number"}]
        self.run(
            "tailrace", "submit", "rows.csv", "--stack", "tailrace", "--keep", "id", *options, "--output", "out.csv"
        )
        lines = (self.folder / "out.csv").read_text().splitlines()
        assert lines[0] == "id,prediction"
        return {name: float(value) for name, _, value in (line.partition(",") for line in lines[1:])}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    workspace = Workspace.here()
    with skipped_without_tools():
        examples = workspace.tool("examples").parent
    folder = tmp_path_factory.mktemp("reader")
    path = os.pathsep.join([str(examples), str(Path(sys.executable).parent), os.environ["PATH"]])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VIRTUAL_ENV"))}
    state = {"TAILRACE_LOCAL_STATE": str(folder / "state")}
    made = Desk(folder, {**kept, **state, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"})
    (folder / "model").mkdir()
    (folder / "rows.csv").write_text(ROWS)
    (folder / "start.py").write_text(STARTER)
    for name, text in blocks().items():
        (folder / name).write_text(text)
        if name.startswith("train_"):
            made.run("python", name)
    (folder / "command.txt").write_text("python serve_flask.py")
    made.run("tailrace", "local", "up", "--model-command", "python start.py", "--model-data", "model")
    yield Desk(folder, {**made.environment, **json.loads(made.run("tailrace", "local", "env", "--json"))})
    made.run("tailrace", "local", "down")


@pytest.mark.parametrize("server", ["serve_flask.py", "serve_fastapi.py"])
def test_scikit_learn_scores_a_file(desk: Desk, server: str) -> None:
    desk.serve(f"python {server}")
    assert desk.scored() == pytest.approx(EXACT)


BAD = frozenset({7, 8, 30})
EXPECTED = {str(row): None if row in BAD else pytest.approx(row * 2 + 1.5) for row in range(40)}


def test_a_server_that_takes_nothing_but_json_scores_csv_and_json_lines_and_each_bad_row_costs_one_row(
    desk: Desk,
) -> None:
    desk.serve("python serve_json.py")
    assert desk.scored("--request", "json") == pytest.approx(EXACT)
    asked = json.loads(desk.fails("tailrace", "local", "invoke", "rows.csv", "--keep", "id", "--json", code=1))
    assert asked["status"] == 415

    rows = [{"id": str(row), "a": "oops" if row in BAD else row, "b": 0.5} for row in range(40)]
    (desk.folder / "bad.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (desk.folder / "bad.csv").write_text("id,a,b\n" + "".join(f"{row['id']},{row['a']},0.5\n" for row in rows))
    for source in ("bad.csv", "bad.jsonl"):
        submit = ("tailrace", "submit", source, "--stack", "tailrace", "--keep", "id", "--request", "json")
        said = desk.fails(*submit, "--canaries", "2", "--output", "out.csv", "--json", code=3)
        job, _ = json.JSONDecoder().raw_decode(said)
        assert (job["rows_scored"], job["rows_rejected"], job["rows_not_isolated"]) == (37, 3, 0)
        assert desk.predictions("out.csv") == EXPECTED
        assert desk.run("tailrace", "rejects", job["job_id"], "--stack", "tailrace").count("oops") == len(BAD)

    # On the spot, without the pipeline.
    score = ("tailrace", "score", "bad.csv", "--model-url", asked["url"], "--keep", "id", "--request", "json")
    desk.fails(*score, "--output", "score.csv", code=3)
    assert desk.predictions("score.csv") == EXPECTED


def test_parquet_is_scored_by_a_server_that_takes_nothing_but_json_and_comes_back_as_pandas_reads_it(
    desk: Desk,
) -> None:
    desk.serve("python serve_json.py")
    whole = [None if row in BAD else row for row in range(40)]
    given = pd.DataFrame(
        {
            "id": [f"{row:03d}" for row in range(40)],
            "a": pd.array(whole, dtype="Int64"),
            "b": [0.1 * row for row in range(40)],
            "price": [decimal.Decimal(row) / 4 for row in range(40)],
            "seen": pd.date_range("2026-01-31T08:30", periods=40, freq="h", tz="Europe/Dublin"),
        }
    )
    given.to_parquet(desk.folder / "rows.parquet", row_group_size=15)
    read = pd.read_parquet(desk.folder / "rows.parquet")
    keep = ("--keep", "id,price,seen", "--request", "json", "--output-type", "number")
    submit = ("tailrace", "submit", "rows.parquet", "--stack", "tailrace", *keep)
    # The model refuses what is missing, and each such row costs itself alone.
    said = desk.fails(*submit, "--chunk-rows", "20", "--output", "out.parquet", "--json", code=3)
    job, _ = json.JSONDecoder().raw_decode(said)
    assert (job["rows_scored"], job["rows_rejected"], job["rows_not_isolated"]) == (37, 3, 0)
    desk.run("tailrace", "download", job["job_id"], "--stack", "tailrace", "--output", "out.csv")
    predicted = [math.nan if pd.isna(a) else a * 2 + b * 3 for a, b in zip(read["a"], read["b"], strict=True)]
    for found in (
        pd.read_parquet(desk.folder / "out.parquet"),
        pd.read_csv(desk.folder / "out.csv", dtype={"id": str}),
    ):
        assert list(found["id"]) == list(read["id"])
        assert [decimal.Decimal(str(each)) for each in found["price"]] == list(read["price"])
        assert list(pd.to_datetime(found["seen"])) == list(read["seen"])
        assert list(found["prediction"]) == pytest.approx(predicted, nan_ok=True)


def test_xgboost_scores_a_file_as_it_does_when_asked_directly(desk: Desk) -> None:
    desk.serve("python serve_xgboost.py")
    ask = (
        "import numpy, xgboost; model = xgboost.Booster(model_file='model/xgboost.json'); "
        "print(*model.predict(xgboost.DMatrix(numpy.array([[1., 2.], [3., 4.], [5., 0.]]))))"
    )
    direct = desk.run("python", "-c", ask).split()
    assert desk.scored() == pytest.approx(dict(zip("xyz", map(float, direct), strict=True)), rel=1e-5)


def test_mlflow_scores_a_file_with_its_own_server(desk: Desk) -> None:
    up, submit = mlflow_commands()
    command = up[up.index("--model-command") + 1]
    desk.serve(command.replace("{port}", "$SAGEMAKER_BIND_TO_PORT").replace("{model_dir}", "$SM_MODEL_DIR"))
    options = [submit[at : at + 2] for at, part in enumerate(submit) if part in {"--header", "--accept"}]
    assert len(options) == 2
    assert desk.scored(*options[0], *options[1]) == pytest.approx(EXACT)

    asked = json.loads(desk.fails("tailrace", "local", "invoke", "rows.csv", "--keep", "id", "--json", code=1))
    assert not asked["aligned"]
    assert any("--header repeat" in hint for hint in asked["advice"]), asked
    told = ("--max-attempts", "1", "--on-parked", "fail", "--wait")
    said = desk.fails("tailrace", "submit", "rows.csv", "--stack", "tailrace", "--keep", "id", *told, code=4)
    assert "first aid: The model looks for columns by name" in said
    assert "--header repeat" in said
