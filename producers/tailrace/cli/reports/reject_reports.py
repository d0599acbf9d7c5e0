"""Reports of rejected rows: why, and what to do about them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tailrace.cli.printable import printable
from tailrace.cli.reports.columns import align
from tailrace.download.rejects_summary.first_aid import first_aid

if TYPE_CHECKING:
    from tailrace.download.rejects_summary.reasons import ReasonGroup
    from tailrace.download.rejects_summary.summary import RejectsSummary
    from tailrace.operations.open_work import OpenWork
    from tailrace_core.jobs.model import Job


def fields(summary: RejectsSummary | None) -> dict[str, Any] | None:
    """Return a summary as a JSON object; null if there is none."""
    if summary is None:
        return None
    found = summary.missing_values
    return {
        "reasons": [{"reason": each.reason, "rows": each.rows, "varies": each.varies} for each in summary.reasons],
        "rows_examined": summary.rows_examined,
        "sampled": summary.sampled,
        "missing_values": None
        if found is None
        else {
            "tokens": list(found.tokens),
            "option": found.option,
            "rejected_rows": found.rejected_rows,
            "explained_rows": found.explained_rows,
            "scored_rows": found.scored_rows,
        },
    }


def job_fields(job: Job, summary: RejectsSummary | None, work: OpenWork | None = None) -> dict[str, Any]:
    """Return the fields of a job's report that say why rows were rejected, and what to do."""
    return {"rejects": fields(summary), "advice": list(hints(job, summary, work))}


def text(job: Job, summary: RejectsSummary | None, *, stack: str | None, work: OpenWork | None = None) -> str:
    """Format the most frequent reasons, the next steps and first aid in a few lines; empty without any."""
    lines = [] if summary is None else _reasons(summary)
    if job.rows_not_isolated:
        lines.append(_not_isolated(job, stack))
    lines += [f"first aid: {hint}" for hint in hints(job, summary, work)]
    return "\n".join(lines)


def hints(job: Job, summary: RejectsSummary | None, work: OpenWork | None) -> tuple[str, ...]:
    """Return first aid for a job without a scored row; ``work`` is its open work, if it has any."""
    return first_aid(job, summary, [each.reason for each in work.parked] if work else ())


def reason_lines(groups: Sequence[ReasonGroup], rows: int) -> str:
    """Format the most frequent reasons of so many rows, a line each; the numbers add up to the rows."""
    from tailrace_core.jobs.reasons import lead  # noqa: PLC0415 - most jobs have no rejected row

    lines = [(f"  {each.rows:,}", f"{'such as: ' * each.varies}{lead(each.reason)}") for each in groups]
    others = rows - sum(each.rows for each in groups)
    return align([*lines, (f"  {others:,}", "for other reasons")] if others > 0 else lines)


def _reasons(summary: RejectsSummary) -> list[str]:
    shown = (
        f"{summary.rows_examined:,} of {summary.rows_rejected:,}" if summary.sampled else f"{summary.rows_rejected:,}"
    )
    lines = [f"why rows were rejected ({shown} rows looked at):"]
    lines += [reason_lines(summary.reasons, summary.rows_examined)] if summary.reasons else []
    found = summary.missing_values
    if found is not None:
        tokens = " or ".join("an empty value" if token == "" else repr(token) for token in found.tokens)
        scored = (
            f"none of {found.scored_rows:,} scored rows looked at has"
            if found.scored_rows
            else "whether scored rows have it too was not checked"
        )
        lines.append(
            f"{found.explained_rows} of {found.rejected_rows} rejected rows looked at have {printable(tokens)} in a "
            f"column that is sent; {scored}. A submit with `{printable(found.option)}` rejects such rows before "
            "anything is sent and saves the splitting."
        )
    return lines


def _not_isolated(job: Job, stack: str | None) -> str:
    option = f" --stack {shlex.quote(stack)}" if stack else ""
    rows = job.rows_not_isolated
    return (
        f"{rows:,} row(s) were rejected with their chunks because the split budget was spent: the model was not asked "
        f"about each. Submit just these again: `tailrace rejects {job.job_id}{option} --not-isolated "
        f"--output again.csv`, then `tailrace submit again.csv --drop row,reason --split-budget {rows}{option}` with "
        "the other options of this job. Where columns were dropped, `rejects` needs --source with what was submitted."
    )
