"""The pages that change: a form that says what would be done, and its POST, which does it.

A POST is carried out if the count that was shown still holds and the operator typed the words.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tailrace.console.actions import Actions, Outcome
from tailrace.console.forms import read_form
from tailrace.console.guard import Session
from tailrace.console.pages import ReadingPages
from tailrace.console.views import rows
from tailrace.console.views.attention import cause_key, waiting_for_operator
from tailrace.console.views.plans import Done, Plan, done
from tailrace.operations.attention import group_by_cause
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import Chunk

MAX_REMEMBERED = 100
_NO_NOTE = "no reason was given"


@dataclass(frozen=True, slots=True)
class ActionPages:
    """Answers requests of the pages that change something."""

    pages: ReadingPages
    actions: Actions
    session: Session
    _done: dict[str, Done] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Return the routes."""
        acts = [Route(f"/{act}", self.act, methods=["GET", "POST"]) for act in ("redrive", "discard", "edit", "cancel")]
        return [*acts, Route("/done/{id}", self.show_done)]

    async def act(self, request: Request) -> Response:
        """Show an act's form, or carry the act out."""
        plan = await self._plan(request)
        editable = None
        if plan.act == "edit" and plan.chunk is not None:
            editable = rows.editable(
                await asyncio.to_thread(self.pages.readings.rows_to_edit, plan.chunk, rows.MAX_EDIT_BYTES + 1)
            )
            if editable.refusal is not None:
                raise HTTPException(409, f"{editable.refusal}: {_in_a_file(plan)}")
        if request.method == "GET":
            return self._form(request, plan, editable)
        form = await read_form(request, self.session)
        problem = _problem(plan, form)
        if problem is None:
            try:
                outcomes = await asyncio.to_thread(self._carry_out, plan, form, editable)
            except InputError as exc:
                problem = exc.message
            else:
                return self._remembered(plan, outcomes)
        if editable is not None:
            editable = dataclasses.replace(editable, text=form.get("rows", "").replace("\r\n", "\n"))
        return self._form(request, plan, editable, problem=problem, note=form.get("note", ""))

    async def show_done(self, request: Request) -> Response:
        """Say what was done."""
        found = self._done.get(request.path_params["id"])
        if found is None:
            return RedirectResponse("/", 303)
        return self.pages.renderer.page(request, "done.html", {"done": found, "here": ""})

    async def _plan(self, request: Request) -> Plan:
        act, named = request.url.path.strip("/"), request.query_params
        if act == "cancel":
            job = await self.pages.find_job(named.get("job", ""))
            if not job.state.accepts_results:
                raise HTTPException(409, f"job {job.job_id} is {job.state}: there is nothing to cancel")
            return Plan(act=act, job_id=job.job_id)
        if "range" in named:
            _, chunk = await self.pages.find_chunk(named)
            if not chunk.parked and request.method == "GET":
                raise HTTPException(409, f"chunk {chunk.range.name} is not parked any more")
            return Plan(act=act, chunks=(chunk,), job_id=chunk.job_id, chunk=chunk)
        if act == "edit":
            raise HTTPException(404, "name a job and a range")
        chunks = await asyncio.to_thread(self._parked, named.get("job"), named.get("cause"))
        if not chunks:
            raise HTTPException(409, "none of these chunks is parked any more")
        return Plan(act=act, chunks=chunks, job_id=named.get("job"))

    def _parked(self, job_id: str | None, cause: str | None) -> tuple[Chunk, ...]:
        """Return the parked chunks of a cause, or of a job, as they are now."""
        parked = waiting_for_operator(self.pages.readings.parked())
        if cause is not None:
            found = [each for group in group_by_cause(parked) if cause_key(group) == cause for each in group.chunks]
        else:
            found = [each for each in parked if each.job_id == job_id]
        return tuple(each.chunk for each in found if each.chunk is not None)

    def _carry_out(self, plan: Plan, form: Mapping[str, str], editable: rows.Editable | None) -> list[Outcome]:
        note, force = form.get("note", "").strip(), form.get("force") == "yes"
        if plan.act == "cancel" and plan.job_id is not None:
            found = self.actions.cancel(plan.job_id, note or _NO_NOTE)
        elif plan.act == "edit" and plan.chunk is not None and editable is not None:
            data = rows.edited(form.get("rows", ""), crlf=editable.crlf)
            found = self.actions.edit(plan.chunk, data, note, force=force)
        elif plan.act == "discard":
            found = self.actions.discard(plan.chunks, note or _NO_NOTE)
        else:
            found = self.actions.redrive(plan.chunks, note, force=force)
        self.pages.sampler.refresh()
        return found

    def _remembered(self, plan: Plan, outcomes: list[Outcome]) -> Response:
        name = secrets.token_urlsafe(12)
        while len(self._done) >= MAX_REMEMBERED:
            del self._done[next(iter(self._done))]
        self._done[name] = done(plan, [each for each in outcomes if each.refusal is not None])
        return RedirectResponse(f"/done/{name}", 303)

    def _form(
        self,
        request: Request,
        plan: Plan,
        editable: rows.Editable | None,
        *,
        problem: str | None = None,
        note: str = "",
    ) -> Response:
        view = {"plan": plan, "editable": editable, "problem": problem, "note": note, "here": ""}
        return self.pages.renderer.page(request, "act.html", view, status=200 if problem is None else 409)


def _problem(plan: Plan, form: Mapping[str, str]) -> str | None:
    if form.get("count") != str(len(plan.chunks)):
        return f"The number of chunks has changed: there are {len(plan.chunks)} now. Nothing was done."
    if form.get("confirm", "").strip() != plan.word:
        return f"Type {plan.word} to confirm. Nothing was done."
    return None


def _in_a_file(plan: Plan) -> str:
    chunk = plan.chunks[0]
    name = f"{chunk.job_id} {chunk.range.name}"
    return (
        f"correct the rows in a file, with `tailrace parked show {name} --input > rows.csv` and "
        f"`tailrace parked redrive {name} --edit rows.csv`"
    )
