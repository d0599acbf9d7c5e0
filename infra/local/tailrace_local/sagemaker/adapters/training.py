"""Processes that train, one for each job."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tailrace_local.processes import ProcessGroup
from tailrace_local.sagemaker.adapters.processes import INHERITED, TRAINER
from tailrace_local.sagemaker.errors import StartError
from tailrace_local.sagemaker.settings import EmulatorSettings

_TAIL_BYTES = 800


class TrainingProcess:
    """A running training; what it finds out are JSON files in its folder."""

    def __init__(self, group: ProcessGroup, folder: Path, log: Path) -> None:
        self._group = group
        self._log = log
        self.folder = folder

    def alive(self) -> bool:
        """True if it still trains."""
        return self._group.running

    def read(self, name: str) -> dict[str, Any] | None:
        """Return the file `<name>.json`; None if it does not exist yet."""
        try:
            found: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())
        except (OSError, ValueError):
            return None
        return found

    def explain(self) -> str:
        """Return how the process ended and the end of its log."""
        end = self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        return f"the training ended with status {self._group.child.poll()}; the end of logs/{self._log.name}: {end}"

    def stop(self) -> None:
        """Kill it if it still runs, and remove its record."""
        self._group.kill()


class TrainingProcesses:
    """Starts the settings' training command, a process for each job."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings

    def start(self, name: str, job: Mapping[str, Any], folder: Path) -> TrainingProcess:
        """Start a training whose files go to `folder`.

        Raises:
            StartError: the settings have no command, or it cannot be started.
        """
        command = self._settings.training_command
        if command is None:
            raise StartError("The emulator has no command that trains.")
        folder.mkdir(parents=True, exist_ok=True)
        asked = folder / "job.json"
        asked.write_text(json.dumps(dict(job)))
        argv: Sequence[str] = (*command.argv, "--job", str(asked), "--output", str(folder))
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        log = self._settings.state_dir / "logs" / f"training-{name}.log"
        try:
            with log.open("ab") as output:
                group = ProcessGroup.start(
                    argv,
                    what=TRAINER,
                    records=self._settings.state_dir / "processes",
                    environment=inherited | dict(command.environment),
                    cwd=command.cwd,
                    output=output,
                    name=f"training-{name}",
                )
        except OSError as error:
            raise StartError(f"The command {argv[0]} that trains could not be started: {error}.") from error
        return TrainingProcess(group, folder, log)
