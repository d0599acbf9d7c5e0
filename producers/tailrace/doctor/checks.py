"""Checks, and the combination of looks at several things into one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tailrace.doctor.errors import finding_of
from tailrace.doctor.findings import Finding
from tailrace_core.aws.calls import Steps
from tailrace_core.errors import TailraceError

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check(Generic[S]):
    """A check of a subject: a stack, or a deployment that is planned."""

    name: str
    reads: tuple[str, ...]
    """IAM actions of the calls that it makes."""
    run: Callable[[S], Steps[list[Finding]]]

    @property
    def about(self) -> str:
        """The subject of the check: the first sentence of its function."""
        return (self.run.__doc__ or "").partition("\n")[0]


def each(items: Iterable[T], look: Callable[[T], Steps[list[Finding]]]) -> Steps[list[Finding]]:
    """Look at each item; an error at one becomes its finding and leaves the others."""
    found: list[Finding] = []
    for item in items:
        try:
            found += yield from look(item)
        except TailraceError as error:
            found.append(finding_of(error))
    return found
