"""The application's own commands. To import them costs half a second: it brings all that they do."""

from __future__ import annotations

import typer

from tailrace.cli.commands import dead_letters, jobs, parked_chunks, rejected_rows, results, submit


def add_to(app: typer.Typer) -> None:
    """Give the application its commands."""
    app.command("submit")(submit.submit)
    for name in ("status", "wait", "download", "jobs", "cancel"):
        app.command(name)(getattr(jobs, name))
    app.command("rejects")(rejected_rows.rejects)
    app.command("results")(results.results)
    app.add_typer(parked_chunks.build(), name="parked")
    app.add_typer(dead_letters.build(), name="dlq")
