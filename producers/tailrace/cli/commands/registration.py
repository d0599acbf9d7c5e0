"""Registration of the application's own commands; importing them takes half a second."""

from __future__ import annotations

import typer

from tailrace.cli.commands import dead_letters, doctor, jobs, parked_chunks, rejected_rows, results, submit


def add_to(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("submit")(submit.submit)
    for name in ("status", "wait", "download", "jobs", "cancel"):
        app.command(name)(getattr(jobs, name))
    app.command("doctor")(doctor.doctor)
    app.command("rejects")(rejected_rows.rejects)
    app.command("results")(results.results)
    app.add_typer(parked_chunks.build(), name="parked")
    app.add_typer(dead_letters.build(), name="dlq")
