"""Plans of acts: what a page asks to confirm, and what it says afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailrace.console.views.formats import plural
from tailrace_core.jobs.model import Chunk

_EFFECTS = {
    "redrive": "The next attempt is sent for {what}. The rows are sent as they are: fix the cause first.",
    "edit": "The rows below replace what was sent for the chunk, and its next attempt follows at once.",
    "discard": "The rows are rejected with your reason, and the job can end without them. This cannot be undone.",
    "cancel": "Scored rows stay scored, open chunks are cancelled, late results are refused. This cannot be undone.",
}
_TITLES = {"redrive": "Redrive {what}", "edit": "Correct the rows of a chunk", "discard": "Discard {what}",
           "cancel": "Cancel the job"}  # fmt: skip
_DONE = {"redrive": "redriven", "edit": "corrected and redriven", "discard": "discarded", "cancel": "cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An act before it is confirmed."""

    act: str
    """``redrive``, ``edit``, ``discard`` or ``cancel``."""
    chunks: tuple[Chunk, ...] = ()
    job_id: str | None = None
    chunk: Chunk | None = None
    """The chunk, if the act is about a single one that was named."""

    @property
    def title(self) -> str:
        """Title of the page."""
        return _TITLES[self.act].format(what=plural(len(self.chunks), "chunk"))

    @property
    def button(self) -> str:
        """Text of the button that carries it out."""
        return "Replace the rows and redrive" if self.act == "edit" else self.title

    @property
    def effect(self) -> str:
        """What the act does."""
        return _EFFECTS[self.act].format(what="it" if len(self.chunks) == 1 else "each")

    @property
    def word(self) -> str:
        """What to type: the act, and how many chunks it changes."""
        return f"{self.act} {len(self.chunks)}" if self.chunks else self.act

    @property
    def note_label(self) -> str:
        """Label of the note."""
        return "Reason, recorded with each row" if self.act == "discard" else "Note: what was fixed, or why"

    @property
    def dangerous(self) -> bool:
        """True if it cannot be undone."""
        return self.act in {"discard", "cancel"}

    @property
    def forcible(self) -> bool:
        """True if chunks may have been redriven too often."""
        return self.act in {"redrive", "edit"} and any(each.redrives for each in self.chunks)

    @property
    def rows(self) -> int:
        """Rows of the chunks."""
        return sum(each.range.rows for each in self.chunks)

    @property
    def jobs(self) -> int:
        """Number of jobs."""
        return len({each.job_id for each in self.chunks})

    @property
    def back(self) -> str:
        """Address of the page that the act is about."""
        if self.chunk is not None:
            return f"/jobs/{self.chunk.job_id}/chunks/{self.chunk.range.name}"
        return "/" if self.job_id is None else f"/jobs/{self.job_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An act after it was done."""

    title: str
    text: str
    count: int
    refused: tuple[object, ...]
    back: str
    back_text: str
    clear: bool
    """True if messages of the parked queue are stale now."""


def done(plan: Plan, refused: Sequence[object]) -> Done:
    """Return what a page says after a plan was carried out."""
    count = max(1, len(plan.chunks)) - len(refused)
    what = "The job is being" if plan.act == "cancel" else f"{plural(count, 'chunk')} {'was' if count == 1 else 'were'}"
    where = "To the chunk" if plan.chunk else "To the job" if plan.job_id else "Back"
    return Done(
        title="Done" if count else "Nothing was changed",
        text=f"{what} {_DONE[plan.act]}.",
        count=count,
        refused=tuple(refused),
        back=plan.back,
        back_text=where,
        clear=bool(count) and plan.act != "cancel",
    )
