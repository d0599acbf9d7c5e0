"""Each choice of a model, deployed by the SAM CLI, and updates between them while a job runs."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tailrace_core.jobs.model import Job, JobState
from tailrace_local.control.admin_api import get_json
from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tests.integration.deployment.conftest import ROWS, Base
from tests.integration.deployment.models import DemoModel, finished_job
from tests.integration.deployment.stacks import TIMEOUT_S, Stack, predictions
from tests.integration.local.polling import eventually
from tests.integration.pipeline.demand_rows import Row, csv_bytes

pytestmark = pytest.mark.cloud

ANOTHER_VERSION = "this is another version"
SLOWLY = CloudFaultPlan.read('{"sagemaker": {"rules": [{"do": {"kind": "slow", "seconds": 15}}]}}')


def test_a_job_is_scored_by_the_model_of_an_image(base: Base) -> None:
    job, scored = base.stack.score(ROWS)
    assert (job.state, job.rows_scored) == (JobState.COMPLETED, len(ROWS))
    assert scored == base.expected(ROWS)


@dataclass(frozen=True)
class Updated:
    """The stack after three updates, and the job that ran meanwhile."""

    job: Job
    rows: list[Row]
    predictions: list[str]
    images_before: list[str]
    images_after: list[str]
    models: list[str]
    configs: list[str]
    code_before: str
    code_after: str
    bounds: list[dict[str, Any]]


@pytest.fixture(scope="module")
def updated(base: Base, demo: DemoModel, tmp_path_factory: pytest.TempPathFactory) -> Updated:
    """A new model (a job's, three containers), new scaling bounds, new code, during invocations."""
    stack, faults = base.stack, FaultAdmin(base.stack.cloud.own_url, base.stack.cloud.token)
    images_before, code_before = stack.images(), code_of(stack, "CollectResults")
    job_name = finished_job(stack.cloud, "three-containers", demo.containers(3))
    rows = ROWS + ROWS[:110]
    faults.set(SLOWLY)
    try:
        with stack.client() as client:
            submitted = client.submit("-", stdin=io.BytesIO(csv_bytes(rows)), chunk_rows=3)
            with at_work(stack):
                stack.deploy(of_job(job_name, pipeline=True))
            with at_work(stack):
                assert stack.change(MaxInstanceCount="3", MinInstanceCount="1") == "UPDATE_COMPLETE"
            with at_work(stack):
                stack.deploy({}, built=with_other_code(stack.built, tmp_path_factory.mktemp("changed")))
            faults.clear()
            job = client.wait(submitted.job_id, timeout_s=TIMEOUT_S)
            scored = predictions(client, job)
    finally:
        faults.clear()
    sagemaker = stack.cloud.client("sagemaker")
    targets = stack.cloud.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    return Updated(
        job,
        rows,
        scored,
        images_before,
        stack.images(),
        [model["ModelName"] for model in sagemaker.list_models()["Models"]],
        [config["EndpointConfigName"] for config in sagemaker.list_endpoint_configs()["EndpointConfigs"]],
        code_before,
        code_of(stack, "CollectResults"),
        targets["ScalableTargets"],
    )


@contextmanager
def at_work(stack: Stack) -> Iterator[None]:
    """Ensure that invocations run when the block begins and when it ends."""
    url = f"{stack.cloud.own_url}/_tailrace/sagemaker/endpoints/{stack.outputs['EndpointName']}"

    def look() -> bool:
        return bool((get_json(url, timeout_s=60) or {})["in_flight"])

    # Between one request and the next there may be none for a moment.
    eventually(look, what="an invocation before the change")
    yield
    eventually(look, what="an invocation after the change")


def of_job(name: str, *, pipeline: bool) -> dict[str, str]:
    """The template's parameters for a job; an update keeps all others."""
    allowed = "true" if pipeline else "false"
    return {"AutoMLJobName": name, "AllowSerialPipeline": allowed, "ModelImage": "", "ModelDataUrl": ""}


def code_of(stack: Stack, function: str) -> str:
    name = stack.resources("AWS::Lambda::Function")[function]
    return str(stack.cloud.client("lambda").get_function_configuration(FunctionName=name)["CodeSha256"])


def with_other_code(built: Path, folder: Path) -> Path:
    """The built template with another artifact for one function."""
    copied = folder / "sam"
    shutil.copytree(built.parent, copied, symlinks=True)
    handler = copied / "CollectResults" / "tailrace_consumers" / "collect_results" / "handler.py"
    handler.write_text(f'{handler.read_text()}\nprint("{ANOTHER_VERSION}")\n')
    # Python would trust compiled files without comparing their sources.
    shutil.rmtree(handler.parent / "__pycache__", ignore_errors=True)
    template = copied / built.name
    # The folder, which the SAM CLI packs, instead of the archive that was packed from it.
    template.write_text(template.read_text().replace('"CollectResults.zip"', '"CollectResults"'))
    return template


def test_a_job_that_runs_through_updates_ends_with_every_row(updated: Updated, base: Base) -> None:
    assert updated.job.state is JobState.COMPLETED
    assert updated.job.rows_total == updated.job.rows_scored == len(updated.rows) == 360
    assert updated.predictions == base.expected(updated.rows)


def test_a_new_model_takes_over_and_the_old_one_goes(updated: Updated, demo: DemoModel) -> None:
    assert updated.images_before == [demo.image]
    assert updated.images_after == [demo.image] * 3
    assert (len(updated.models), len(updated.configs)) == (1, 1)


def test_new_scaling_bounds_hold(updated: Updated) -> None:
    (target,) = updated.bounds
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)


def test_new_code_runs(updated: Updated, base: Base) -> None:
    assert updated.code_after != updated.code_before
    function = base.stack.resources("AWS::Lambda::Function")["CollectResults"]
    log = base.stack.cloud.state_dir / "logs" / "functions" / f"{function}.log"
    assert ANOTHER_VERSION in log.read_text()


@pytest.mark.parametrize("count", [3, 2, 1])
def test_a_job_is_scored_by_the_best_candidate_whatever_its_containers(
    updated: Updated, base: Base, demo: DemoModel, count: int
) -> None:
    stack = base.stack
    if len(stack.images()) != count:
        name = finished_job(stack.cloud, f"containers-{count}", demo.containers(count))
        stack.deploy(of_job(name, pipeline=count > 1))
    job, scored = stack.score(ROWS)
    assert (job.state, scored) == (JobState.COMPLETED, base.expected(ROWS))
    assert len(stack.images()) == count
    (model,) = stack.cloud.client("sagemaker").list_models()["Models"]
    described = stack.cloud.client("sagemaker").describe_model(ModelName=model["ModelName"])
    containers = [described["PrimaryContainer"]] if "PrimaryContainer" in described else described["Containers"]
    assert [one["Environment"] for one in containers] == [one["Environment"] for one in demo.containers(count)]
    assert updated.job.state.final
