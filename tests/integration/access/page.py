"""The page docs/permissions.md: the purpose of each grant, found by removing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from tests.infra.templates import ROOT
from tests.integration.access.removals import GrantEffect
from tests.markdown import formatted

PAGE = ROOT / "docs/permissions.md"
_BEGIN = "<!-- what follows is written by tests/integration/access -->\n"
_HEADER = "| grant | on | step that needs it | without it |\n| --- | --- | --- | --- |\n"
Row = tuple[str, str, str, str]
"""The compared columns: holder, statement and action, resource, step."""


def written(found: Sequence[GrantEffect], unasked: Mapping[tuple[str, str, str], str]) -> str:
    """Return the page with these tables in it."""
    parts = [PAGE.read_text().partition(_BEGIN)[0], _BEGIN]
    # A holder's grants stand together, those that another kind of endpoint adds last.
    order = list(dict.fromkeys(each.grant.holder for each in found))
    grouped = sorted(found, key=lambda each: order.index(each.grant.holder))
    for holder, find_effect in groupby(grouped, key=lambda each: each.grant.holder):
        parts.append(f"\n## {holder}\n\n{_HEADER}")
        parts += [
            f"| {grant} | {on} | {step} | {each.effect} |\n"
            for each in find_effect
            for _, grant, on, step in [_row(each)]
        ]
        reasons = {f"`{sid}` {action}: {reason}" for (name, sid, action), reason in unasked.items() if name == holder}
        parts += ["\nNot tried: ", "; ".join(sorted(reasons)), ".\n"] if reasons else []
    return formatted("".join(parts))


def rows(holders: Iterable[str]) -> set[Row]:
    """Return the page's rows of these holders, without the effects of removals."""
    wanted, found, holder = set(holders), set(), ""
    for line in PAGE.read_text().partition(_BEGIN)[2].splitlines():
        if line.startswith("## "):
            holder = line.removeprefix("## ")
        elif line.startswith("| `") and holder in wanted:
            grant, on, step = (each.strip() for each in line.split("|")[1:4])
            found.add((holder, grant, on, step))
    return found


def rows_of(found: Iterable[GrantEffect]) -> set[Row]:
    """Return the same columns of the effects found."""
    return {_row(each) for each in found}


def _row(find_effect: GrantEffect) -> Row:
    holder, sid, action, resource, step, _ = find_effect.row
    return holder, f"`{sid}` {action}", resource.replace("*", "\\*"), step
