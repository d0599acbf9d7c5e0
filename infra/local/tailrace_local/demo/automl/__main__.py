"""Trains the candidates of an AutoML job, and serves one of them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tailrace_local.demo.automl", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train the candidates; a JSON object a line tells how far it is")
    train.add_argument("--job", type=Path, required=True, help="JSON file with the job")
    train.add_argument("--output", type=Path, required=True, help="folder for result.json and the models")
    serve = commands.add_parser("serve", help="answer GET /ping and POST /invocations until SIGTERM")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    return parser.parse_args(argv)


def _train(job: Path, output: Path) -> int:
    from tailrace_local.demo.automl import datasets  # noqa: PLC0415  after OMP_NUM_THREADS is set
    from tailrace_local.demo.automl.tables import DataError  # noqa: PLC0415  the same

    output.mkdir(parents=True, exist_ok=True)

    def say(told: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()

    try:
        asked = datasets.Job.read(job)
        data = datasets.load(asked)
        (output / "analyzed.json").write_text(json.dumps({"rows": len(data.table), "problem": data.problem.kind}))
        from tailrace_local.demo.automl import training  # noqa: PLC0415  scikit-learn takes seconds to import

        training.run(asked, data, output, say)
    except DataError as error:
        (output / "result.json").write_text(json.dumps({"failure": str(error)}))
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _serve(host: str) -> int:
    from tailrace_local.demo.automl.model import TabularModel  # noqa: PLC0415  after OMP_NUM_THREADS is set
    from tailrace_local.demo.model import artefact, server, stages  # noqa: PLC0415  the same

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = server.Settings.from_environment(os.environ, host)
        scoring = {stages.CSV: stages.Stage(stages.CSV, lambda model, body: model.score(body))}
        return server.serve(replace(settings, stages=scoring), lambda: TabularModel.load(settings.model_dir))
    except (server.SettingsError, artefact.ArtefactError, OSError) as error:
        sys.stderr.write(f"model server: {error}\n")
        return 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    arguments = _arguments(argv)
    # For the same reasons as in tailrace_local.demo.model: set before the import of scikit-learn.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return _serve(arguments.host) if arguments.command == "serve" else _train(arguments.job, arguments.output)


if __name__ == "__main__":
    sys.exit(main())
