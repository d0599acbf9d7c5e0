"""The commands of `tailrace`, and other requests, by a person with one policy."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tailrace import Tailrace
from tailrace.cli.application import run
from tailrace.cli.environment import Environment, Target
from tests.integration.access.identities import Person
from tests.integration.access.steps.cutting import counted_job, cutting_job
from tests.integration.access.steps.scene import Scene, plain
from tests.integration.access.steps.step import EffectWait, Observation


@dataclass(frozen=True)
class Commands:
    """Runs ``tailrace …`` as one person, in this process.

    Starting another takes longer than most commands.
    """

    scene: Scene
    person: Person

    def run(self, *arguments: str | Path, stdin: bytes = b"") -> Observation:
        """Return a command's exit code and its error message."""
        return self.printed(*arguments, stdin=stdin)[0]

    def printed(self, *arguments: str | Path, stdin: bytes = b"") -> tuple[Observation, bytes]:
        """Return the same and the command's output."""
        stdout, stderr = io.BytesIO(), io.StringIO()
        environment = Environment(connect=self._connect, stdin=io.BytesIO(stdin), stdout=stdout, stderr=stderr)
        code = run([*map(str, arguments), "--stack", self.scene.cloud.facts.stack], environment)
        errors = [line for line in stderr.getvalue().splitlines() if line.startswith("tailrace: ")]
        return {"the exit code": code, "said": plain(" ".join(errors))}, stdout.getvalue()

    def cancelled_cutting(self) -> Observation:
        """Cancel a job whose execution runs, and look at the execution: nobody is told of a refusal."""
        with cutting_job(self.scene) as (job, status):
            return {**self.run("cancel", job), "the execution": status()}

    def client(self) -> Tailrace:
        """Return the client behind the commands."""
        return self._connect(Target(stack=self.scene.cloud.facts.stack))

    def _connect(self, target: Target) -> Tailrace:
        return Tailrace(target.stack or "", session=self.person.session, endpoint_url=self.scene.cloud.endpoint_url)


def execution_looks(scene: Scene, person: Person) -> dict[str, Callable[[], Any]]:
    """Return the requests of `tailrace status` about an execution that runs, by name."""
    _, execution = counted_job(scene)
    (first, *_) = scene.cloud.client("stepfunctions").list_map_runs(executionArn=execution)["mapRuns"]
    states = person.client("stepfunctions")
    return {
        "aws stepfunctions describe-execution": lambda: states.describe_execution(executionArn=execution),
        "aws stepfunctions list-map-runs": lambda: states.list_map_runs(executionArn=execution),
        "aws stepfunctions describe-map-run": lambda: states.describe_map_run(mapRunArn=first["mapRunArn"]),
    }


def looked(command: Callable[[], Any], _: EffectWait | None = None) -> Observation:
    """Observe whether a request is answered."""
    try:
        command()
    except ClientError as error:
        return {"the answer": plain(str(error))}
    return {"the answer": "comes"}
