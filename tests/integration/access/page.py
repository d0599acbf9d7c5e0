"""docs/permissions.md: what each grant is for, as the removals found it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from tests.infra.templates import ROOT
from tests.integration.access.removals import Felt
from tests.markdown import formatted

PAGE = ROOT / "docs/permissions.md"
_BEGIN = "<!-- what follows is written by tests/integration/access -->\n"
_HEADER = "| grant | on | step that needs it | without it |\n| --- | --- | --- | --- |\n"
Row = tuple[str, str, str, str]
"""Holder, statement and action, resource, step."""


def written(found: Sequence[Felt], unasked: Mapping[tuple[str, str, str], str]) -> str:
    """The page with these tables in it."""
    parts = [PAGE.read_text().partition(_BEGIN)[0], _BEGIN]
    for holder, felt in groupby(found, key=lambda each: each.grant.holder):
        parts.append(f"\n## {holder}\n\n{_HEADER}")
        parts += [
            f"| {grant} | {on} | {step} | {each.effect} |\n" for each in felt for _, grant, on, step in [_row(each)]
        ]
        reasons = {f"`{sid}` {action}: {reason}" for (name, sid, action), reason in unasked.items() if name == holder}
        parts += ["\nNot tried: ", "; ".join(sorted(reasons)), ".\n"] if reasons else []
    return formatted("".join(parts))


def rows(holders: Iterable[str]) -> set[Row]:
    """What the page says of these holders, but for what happens without a grant."""
    wanted, found, holder = set(holders), set(), ""
    for line in PAGE.read_text().partition(_BEGIN)[2].splitlines():
        if line.startswith("## "):
            holder = line.removeprefix("## ")
        elif line.startswith("| `") and holder in wanted:
            grant, on, step = (each.strip() for each in line.split("|")[1:4])
            found.add((holder, grant, on, step))
    return found


def rows_of(found: Iterable[Felt]) -> set[Row]:
    """The same, of what was found."""
    return {_row(each) for each in found}


def _row(felt: Felt) -> Row:
    holder, sid, action, resource, step, _ = felt.row
    return holder, f"`{sid}` {action}", resource.replace("*", "\\*"), step
