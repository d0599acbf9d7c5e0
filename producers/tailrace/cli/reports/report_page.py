"""A job's report as one self-contained HTML page: no script, no request, the same bytes each time.

All text from outside (names, reasons, notes) is escaped, control characters included.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tailrace.cli.printable import printable
from tailrace.cli.reports.report_figures import (
    costs,
    rejected_groups,
    settled_rows,
    slowest,
    strip,
)
from tailrace.costs.prices import PRICES
from tailrace.operations.report_data import ReportData
from tailrace_core.jobs.model import JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.jobs.reasons import lead
from tailrace_core.messages.manifest import ManifestPart

MAX_ENTRIES = 200
MAX_CHECKSUMS = 200
_MAX_TEXT = 400
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root{color-scheme:light dark;--page:#fff;--text:#1b1f24;--dim:#4c5560;--line:#c6ccd3;--box:#f3f5f7;
--scored:#1a6fb5;--rejected:#a33a00;--cancelled:#6b6f76}
@media (prefers-color-scheme:dark){:root{--page:#14171a;--text:#e8eaed;--dim:#b3bac3;--line:#454c55;--box:#1e2328;
--scored:#6cb2ef;--rejected:#ff9d6b;--cancelled:#a5acb5}}
body{margin:0 auto;max-width:62rem;padding:1.5rem;background:var(--page);color:var(--text);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p.dim,td.dim,figcaption{color:var(--dim)}.reason{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.92rem}
caption{text-align:left;color:var(--dim);padding:.2rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);
overflow-wrap:anywhere}
td.whole{white-space:nowrap}th.n,td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.5rem 0}dt{color:var(--dim)}
dd{margin:0;overflow-wrap:anywhere}figure{margin:.5rem 0}svg{width:100%;height:auto;display:block}
.scored{fill:var(--scored)}.rejected{fill:var(--rejected)}.cancelled{fill:var(--cancelled)}
.curve{fill:none;stroke:var(--scored);stroke-width:2}.axis{stroke:var(--line)}svg text{fill:var(--text);font-size:12px}
code{font-size:.88em}
""".strip()
_WIDTH = 900


def report_page(data: ReportData, *, region: str) -> str:
    """Return the page. ``region`` chooses the list prices of the estimate."""
    title = f"Job {data.description.name or data.job.job_id}"
    parts = data.manifest.parts
    sections = (
        _outcome(data),
        _accounting(data),
        _timeline(data),
        _slowest(parts),
        _rejects(data),
        _history(data),
        _cost(data, region),
        _checksums(data),
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}: report</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f'<header>\n<h1>{_text(title)}</h1>\n<p class="dim">Tailrace report, from the ledger and the manifest</p>\n'
        f"</header>\n<main>\n{''.join(sections)}</main>\n</body>\n</html>\n"
    )


def _outcome(data: ReportData) -> str:
    job, manifest, told = data.job, data.manifest, data.description
    sentence = {
        JobState.COMPLETED: "Every row was scored.",
        JobState.COMPLETED_WITH_REJECTS: "Every row was settled; some were rejected.",
        JobState.FAILED: "The job failed.",
        JobState.CANCELLED: "The job was cancelled.",
        JobState.EXPIRED: "The job passed its deadline.",
    }.get(job.state, "")
    facts = [
        ("Job", job.job_id),
        ("State", str(job.state)),
        ("Reason", job.reason),
        ("Endpoint", manifest.endpoint),
        ("Created", _moment(manifest.created_at)),
        ("Finished", _moment(manifest.finished_at)),
        ("Took", _duration(manifest.finished_at - manifest.created_at)),
        ("Submitted by", told.submitted_by),
        ("Sources", ", ".join(told.sources) + (f" … ({told.source_count})" * (told.source_count > len(told.sources)))),
        ("Tags", ", ".join(f"{key}={value}" for key, value in sorted(told.tags.items()))),
    ]
    shown = "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>\n" for name, value in facts if value)
    return _section("outcome", "Outcome", f"<p>{sentence}</p>\n<dl>\n{shown}</dl>\n")


def _accounting(data: ReportData) -> str:
    job = data.manifest
    rows = [
        ("Scored", job.rows_scored),
        ("Rejected", job.rows_rejected),
        ("of which not isolated", job.rows_not_isolated),
        ("Cancelled", job.rows_cancelled),
        ("All rows", job.rows_total),
    ]
    body = [(name, _count(count), _share(count, job.rows_total)) for name, count in rows]
    attempts = sum(part.attempts or 0 for part in job.parts)
    note = (
        f"{_count(len(job.parts))} parts with {_count(attempts)} attempts; {_count(data.job.splits_spent)} splits; "
        f"chunks parked {_count(data.job.times_parked)} times."
    )
    return _section(
        "accounting",
        "Accounting",
        _table("Rows by outcome", ("Outcome", "#Rows", "#Share"), body) + f"<p>{note}</p>\n",
    )


def _timeline(data: ReportData) -> str:
    parts, total = data.manifest.parts, data.manifest.rows_total
    points = settled_rows(parts)
    shown = _curve(points, data.manifest.created_at, total) if points else "<p>No times were recorded.</p>\n"
    return _section("timeline", "Timeline", shown + _strip(parts, total))


def _curve(points: Sequence[tuple[float, int]], start: float, total: int) -> str:
    span = max(points[-1][0] - start, 1.0)
    height = 160
    placed = [(0.0, float(height))]
    for at, rows in points:
        x, y = _x(at - start, span), height - height * rows / max(1, total)
        # A step: rows are settled with their chunk, and a slope would show some that were not.
        placed += [(x, placed[-1][1]), (x, y)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    half = next((at - start for at, rows in points if 2 * rows >= total), span)
    title = f"Rows settled over {_duration(span)}; half of them after {_duration(half)}"
    return (
        f'<figure>\n<svg viewBox="0 0 {_WIDTH} {height + 24}" role="img" aria-label="{_text(title)}">\n'
        f'<line class="axis" x1="0" y1="{height}" x2="{_WIDTH}" y2="{height}"></line>\n'
        f'<polyline class="curve" points="{line}"></polyline>\n'
        f'<text x="0" y="{height + 18}">{_text(_moment(start))}</text>\n'
        f'<text x="{_WIDTH}" y="{height + 18}" text-anchor="end">{_text(_moment(points[-1][0]))}</text>\n'
        f"</svg>\n<figcaption>{_text(title)}</figcaption>\n</figure>\n"
    )


def _x(value: float, span: float) -> float:
    return min(max(value / span, 0.0), 1.0) * _WIDTH


def _strip(parts: Sequence[ManifestPart], total: int) -> str:
    cells = strip(parts, total)
    drawn = []
    for number, (start, end, states) in enumerate(cells):
        x, width, top = number * _WIDTH / len(cells), _WIDTH / len(cells), 0.0
        for state, rows in states.items():
            if rows:
                height = 40 * rows / max(1, end - start)
                drawn.append(
                    f'<rect class="{state}" x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"></rect>'
                )
                top += height
    title = f"Rows 0 to {max(0, total - 1):,} from left to right, by outcome"
    return (
        f'<figure>\n<svg viewBox="0 0 {_WIDTH} 40" role="img" aria-label="{title}">\n{"".join(drawn)}\n</svg>\n'
        f"<figcaption>{title}: scored (blue, at the top), rejected (orange), cancelled (grey)</figcaption>\n</figure>\n"
    )


def _slowest(parts: Sequence[ManifestPart]) -> str:
    body = [
        (
            _range(each.part),
            str(each.part.attempts or ""),
            _duration(each.total_s),
            _seconds(each.waited_s),
            _seconds(each.model_s),
            _seconds(each.settled_s),
        )
        for each in slowest(parts)
    ]
    heads = ("Rows", "#Attempts", "#Total", "#Until taken", "#Queue and model", "#Until settled")
    table = _table("Longest from the last invocation to settled rows", heads, body)
    return _section("slowest", "Slowest ranges", table if body else "<p>No times were recorded.</p>\n")


def _rejects(data: ReportData) -> str:
    groups = rejected_groups(data.manifest.parts)
    if not groups:
        return _section("rejects", "Rejected rows", "<p>No row was rejected.</p>\n")
    body = [
        (
            _count(each.rows),
            _clip(each.cause),
            "; ".join(f"{_range(part)}: {_clip(said)}" for part, said in each.examples),
        )
        for each in groups
    ]
    table = _table("By reason, with examples", ("#Rows", "Reason", "Examples"), body)
    more = f"<p>All rows with their reasons: <code>tailrace rejects {_text(data.job.job_id)}</code></p>\n"
    return _section("rejects", "Rejected rows", table + more)


def _history(data: ReportData) -> str:
    entries = data.history[:MAX_ENTRIES]
    body = [
        (
            _moment(entry.at),
            "job" if rows is None else _rows(rows),
            entry.what + (f" (attempt {entry.attempt})" if entry.attempt else ""),
            entry.who or "",
            _clip("; ".join(text for text in (entry.note, entry.failure and lead(entry.failure)) if text)),
        )
        for rows, entry in entries
    ]
    limits = []
    if len(data.history) > len(entries):
        limits.append(f"{_count(len(data.history) - len(entries))} later entries are left out")
    if not data.all_chunks_read:
        limits.append(f"only the first {_count(data.chunks_read)} chunks were read")
    note = f"<p>{'; '.join(limits)}.</p>\n" if limits else ""
    table = _table("Failures and people's decisions", ("-When", "-Rows", "-What", "Who", "Note or failure"), body)
    return _section("history", "History", (table if body else "<p>Nothing failed.</p>\n") + note)


def _cost(data: ReportData, region: str) -> str:
    prices = PRICES.get(region) or next(iter(PRICES.values()))
    lines = list(costs(data.manifest.parts, prices))
    body = [(item, amount, f"{cost:.4f}") for item, amount, cost in lines]
    body.append(("Sum", "", f"{sum(cost for *_, cost in lines):.4f}"))
    note = (
        f"An estimate from list prices of {prices.region} ({prices.as_of}), for the attempts of the parts. The "
        "endpoint's instances and the storage come on top: see Cost Explorer."
    )
    table = _table(f"In {prices.currency}", ("Item", "Amount", "#Cost"), body)
    return _section("cost", "Cost (estimate)", table + f"<p>{_text(note)}</p>\n")


def _checksums(data: ReportData) -> str:
    shown = data.manifest.parts[:MAX_CHECKSUMS]
    body = [(_range(part), str(part.state), _count(part.size_bytes or 0), part.checksum or "") for part in shown]
    left = len(data.manifest.parts) - len(shown)
    note = f"<p>{_count(left)} more parts: the manifest holds them all.</p>\n" if left else ""
    intro = f"<p>Manifest: <code>{_text(data.manifest_checksum)}</code></p>\n"
    table = _table("Of the parts", ("Rows", "State", "#Bytes", "Checksum"), body)
    return _section("checksums", "Checksums", intro + table + note)


def _section(name: str, title: str, body: str) -> str:
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{title}</h2>\n{body}</section>\n'


def _table(caption: str, heads: Iterable[str], body: Iterable[Sequence[str]]) -> str:
    """Format a table; a head that starts with # marks a column of numbers, one with - keeps its lines whole."""
    kinds = {"#": ' class="n"', "-": ' class="whole"'}
    columns = [(head.lstrip("#-"), kinds.get(head[0], "")) for head in heads]
    head = "".join(f'<th scope="col"{kind}>{_text(name)}</th>' for name, kind in columns)
    rows = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{_text(cell)}</td>" for cell, (_, kind) in zip(row, columns, strict=True))
        + "</tr>\n"
        for row in body
    )
    top = f"<caption>{_text(caption)}</caption>\n<thead><tr>{head}</tr></thead>"
    return f"<table>\n{top}\n<tbody>\n{rows}</tbody>\n</table>\n"


def _text(value: object) -> str:
    return html.escape(printable(value))


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"


def _range(part: ManifestPart) -> str:
    return _rows(RowRange(part.first_row, part.rows))


def _rows(rows: RowRange) -> str:
    return f"{rows.first_row:,}" if rows.rows == 1 else f"{rows.first_row:,} to {rows.end - 1:,}"


def _count(number: int) -> str:
    return f"{number:,}"


def _share(number: int, total: int) -> str:
    return f"{100 * number / total:.2f} %" if total else ""


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _seconds(value: float | None) -> str:
    return "" if value is None else _duration(value)


def _duration(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
