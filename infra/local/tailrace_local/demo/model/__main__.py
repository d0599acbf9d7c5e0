"""Trains and serves the demo's model."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tailrace_local.demo.model", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="make model.tar.gz and report its quality")
    train.add_argument("--output", type=Path, required=True, help="path of model.tar.gz")
    train.add_argument("--rows", type=int, default=150_000, help="rows to train on (default 150000)")
    train.add_argument("--seed", type=int, default=1, help="seed of data and training (default 1)")
    train.add_argument("--keep", action="store_true", help="keep an existing model of the same settings")
    serve = commands.add_parser("serve", help="answer GET /ping and POST /invocations until SIGTERM")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    return parser.parse_args(argv)


def _train(output: Path, *, rows: int, seed: int, keep: bool) -> int:
    # Imported here: serving does not need it and starts sooner without it.
    from tailrace_local.demo.model import artefact, training  # noqa: PLC0415

    settings = training.Settings(rows=rows, seed=seed)
    made_of = {**artefact.versions(), **settings.facts()}
    facts = artefact.facts_of(output) if keep else {}
    if keep and {name: facts.get(name) for name in made_of} == made_of:
        sys.stderr.write(f"{output} exists already\n")
        return 0
    regressor, report = training.train(settings)
    artefact.save(regressor, settings.facts(), output)
    sys.stdout.write(json.dumps({**report, "output": str(output), "size_bytes": output.stat().st_size}) + "\n")
    return 0


def _serve(host: str) -> int:
    from tailrace_local.demo.model import artefact, server  # noqa: PLC0415  after OMP_NUM_THREADS is set

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = server.Settings.from_environment(os.environ, host)
        return server.serve(settings, lambda: artefact.load(settings.model_dir))
    except (server.SettingsError, artefact.ArtefactError, OSError) as error:
        sys.stderr.write(f"model server: {error}\n")
        return 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    arguments = _arguments(argv)
    # Set before the import of scikit-learn, which reads it. Requests run in parallel already, and
    # several servers share the machine; OpenMP's threads spin while they wait for each other, which
    # made training ten times slower on a busy machine. The trained model's bytes also depend on the
    # number of threads, which must not be the number of cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if arguments.command == "serve":
        return _serve(arguments.host)
    return _train(arguments.output, rows=arguments.rows, seed=arguments.seed, keep=arguments.keep)


if __name__ == "__main__":
    sys.exit(main())
