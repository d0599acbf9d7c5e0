"""The report of a preparation, as JSON and as text."""

from __future__ import annotations

import json
from dataclasses import asdict

from tailrace.models.prepare.preparing import Preparation


def report_json(done: Preparation) -> str:
    """Return the report as one line of JSON: rows, and for each column with steps its cells."""
    counts = done.counts
    fills = done.recipe.fitted or {}
    document = {
        "recipe": done.recipe.where,
        "rows_read": counts.rows_read,
        "rows_written": counts.rows_written,
        "rows_rejected": counts.rows_rejected,
        "rows_dropped": counts.rows_dropped,
        "first_rejects": [{"row": row, "reason": reason} for row, reason in done.first_reasons.items()],
        "columns": {name: {**asdict(each), "fill": fills.get(name)} for name, each in counts.columns.items()},
    }
    return json.dumps(document, ensure_ascii=False)


def report_text(done: Preparation) -> str:
    """Return the report as lines for people."""
    counts = done.counts
    rejected, dropped = f"{counts.rows_rejected:,} rejected", f"{counts.rows_dropped:,} dropped"
    lines = [f"{counts.rows_read:,} rows read: {counts.rows_written:,} written, {rejected}, {dropped}"]
    fills = done.recipe.fitted or {}
    for name, each in counts.columns.items():
        said = [
            f"{each.changed:,} rewritten" * bool(each.changed),
            f"{each.missing:,} missing" * bool(each.missing),
            f"{each.wrong:,} not numbers" * bool(each.wrong),
            (f"{each.filled:,} filled" + (f" with {fills[name]}" if name in fills else "")) * bool(each.filled),
            f"{each.nulls - each.filled:,} left empty" * bool(each.nulls > each.filled),
        ]
        lines.append(f"  {name}: " + (", ".join(filter(None, said)) or "nothing to do"))
    lines += [f"  row {row} rejected: {reason}" for row, reason in done.first_reasons.items()]
    if counts.rows_rejected > len(done.first_reasons):
        lines.append(f"  … and {counts.rows_rejected - len(done.first_reasons):,} more rejected rows")
    return "\n".join(lines)
