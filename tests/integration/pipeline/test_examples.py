"""The examples in docs/examples, run against the deployed cloud."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nbclient
import nbformat
import pyarrow.parquet as pq
import pytest

from tailrace import Tailrace
from tailrace_local.demo.demand import COLUMNS
from tailrace_local.testing import RunningCloud
from tests.integration.pipeline.demand_rows import ask_model, csv_bytes, demand_rows

pytestmark = pytest.mark.cloud

EXAMPLES = Path(__file__).parents[3] / "docs/examples"
ROWS = demand_rows(1_200, seed=31)


@pytest.fixture
def here(cloud: RunningCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the orders, and the cloud's environment."""
    keyed = [[f"{number:05d}", *row] for number, row in enumerate(ROWS)]
    (tmp_path / "orders.csv").write_bytes(csv_bytes(keyed, header=("order_id", *COLUMNS)))
    for name, value in {**cloud.environment, "TAILRACE_STACK": cloud.facts.stack}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def _example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_notebook_runs_to_its_end_and_shows_progress(cloud: RunningCloud, here: Path) -> None:
    notebook: Any = nbformat.read(EXAMPLES / "score_a_frame.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    kernel = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(here)}})
    manager = client.create_kernel_manager()
    # Its name must be short, and hold in the notebook's folder too.
    with tempfile.TemporaryDirectory(prefix="kernel") as folder:
        manager.transport, manager.ip = "ipc", f"{folder}/socket"
        client.execute(env={**os.environ, **kernel})
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = "".join(str(each.get("data", each.get("text", ""))) for each in outputs)
    assert "<progress" in shown
    assert "rows 0 to 499" in shown
    assert [each for each in outputs if each.get("name") == "stderr"] == []
    predictions = pq.read_table(here / "scored.parquet").column("prediction").to_pylist()
    assert predictions == [float(each) for each in ask_model(cloud.model_url, ROWS)]


def test_a_retry_of_the_task_continues_its_job(cloud: RunningCloud, here: Path) -> None:
    task = _example("scoring_task")
    source, target = str(here / "orders.csv"), f"s3://{cloud.outputs['Bucket']}/scored/2026-01-31.csv.gz"
    first = task.score(source, target, run_id="orders-2026-01-31", keep="order_id")
    again = task.score(source, target, run_id="orders-2026-01-31", keep="order_id")
    assert first == again == {"job_id": first["job_id"], "rows": len(ROWS), "rows_rejected": 0, "target": target}
    with Tailrace() as client:
        assert client.status(first["job_id"]).rows_scored == len(ROWS)


def test_the_dag_hands_the_day_to_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow is not installed here: its two decorators are stood in for, by what Airflow 3.3 does."""
    called: list[Any] = []
    tasks: list[Any] = []

    def task(**options: Any) -> Any:
        def decorated(function: Any) -> Any:
            # Airflow gives these parameters itself, and refuses a DAG that has a default for one.
            day = inspect.signature(function).parameters["ds"]
            assert day.default in {None, inspect.Parameter.empty}
            return lambda: tasks.append((function, options))

        return decorated

    sdk = SimpleNamespace(dag=lambda **_: lambda function: function, task=task)
    monkeypatch.setitem(sys.modules, "airflow", SimpleNamespace(sdk=sdk))
    monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
    stand_in = SimpleNamespace(score=lambda *args, **options: called.append((args, options)))
    monkeypatch.setitem(sys.modules, "scoring_task", stand_in)
    _example("airflow_dag")
    ((score_day, options),) = tasks
    score_day(ds="2026-01-31")
    assert options["retries"] == 3
    assert called == [
        (("s3://orders/2026-01-31.csv.gz", "s3://scored-orders/2026-01-31.parquet"), {"run_id": "orders-2026-01-31"})
    ]
