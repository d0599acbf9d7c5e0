"""The pages that read: each answers a GET and changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tailrace.console import runbook
from tailrace.console.live_pages import LIVE_PAGES
from tailrace.console.readings import JobChunks, Readings
from tailrace.console.rendering import Renderer
from tailrace.console.sampler import LiveSnapshots, Sampler
from tailrace.console.views import happenings, rows
from tailrace.console.views.attention import entry_of
from tailrace.console.views.strip import kind_of, strip
from tailrace_core.jobs.advice import advise
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.model import Chunk, ChunkState, Job
from tailrace_core.jobs.ranges import RowRange

_STATIC = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "uPlot.iife.min.js": "text/javascript",
    "uPlot.min.css": "text/css",
    "uPlot.LICENSE": "text/plain",
}
_OPEN_KINDS = ("parked", "retrying", "in flight")
_MAX_OPEN = 12
_MAX_HAPPENINGS = 15


@dataclass(frozen=True, slots=True)
class ReadingPages:
    """Answers requests of the reading pages."""

    readings: Readings
    sampler: Sampler
    live: LiveSnapshots
    renderer: Renderer

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/", self.live_page("attention")),
            Route("/jobs", self.live_page("jobs")),
            Route("/find", self.find),
            Route("/jobs/{job}", self.job),
            Route("/jobs/{job}/chunk-of", self.chunk_of_row),
            Route("/jobs/{job}/chunks/{range}", self.chunk),
            Route("/dead-letters", self.live_page("dead-letters")),
            Route("/endpoint", self.live_page("endpoint")),
            Route("/events", self.live_page("events")),
            Route("/runbook", self.runbook),
            Route("/live", self.updates),
            Route("/static/{name}", self.static),
        ]

    def live_page(self, name: str) -> Any:
        """Return the handler of a live page without parameters."""

        async def show(request: Request) -> Response:
            view = LIVE_PAGES[name].view(await self.live.current(), {}) or {}
            return self.renderer.page(request, f"{name}.html", {**view, "here": name})

        return show

    async def job(self, request: Request) -> Response:
        """Show a job: its counters live, its chunks as they are now."""
        job = await self.find_job(request.path_params["job"])
        chunks, settings, about = await asyncio.gather(
            asyncio.to_thread(self.readings.chunks, job.job_id),
            asyncio.to_thread(self.readings.settings, job.job_id),
            asyncio.to_thread(self.readings.description, job.job_id),
        )
        snapshot = await self.live.current()
        view = LIVE_PAGES["job"].view(snapshot, {"job": job.job_id}) or {}
        return self.renderer.page(
            request,
            "job.html",
            {**view, **_chunk_views(job, chunks), "settings": settings, "about": about, "here": "jobs"},
        )

    async def find(self, request: Request) -> Response:
        """Go to a job by its id."""
        job = await self.find_job(request.query_params.get("job", "").strip())
        return RedirectResponse(f"/jobs/{job.job_id}", 303)

    async def chunk_of_row(self, request: Request) -> Response:
        """Go to the chunk that owns a row."""
        job = await self.find_job(request.path_params["job"])
        text = request.query_params.get("row", "").replace(",", "").strip()
        if not text.isdecimal():
            raise HTTPException(400, f"{text!r} is no number of a row: rows count from 0")
        chunks = await asyncio.to_thread(self.readings.chunks, job.job_id)
        row = int(text)
        for each in chunks.chunks:
            if each.state.leaf and each.range.first_row <= row < each.range.end:
                return RedirectResponse(f"/jobs/{job.job_id}/chunks/{each.range.name}", 303)
        raise HTTPException(404, f"no chunk of the job holds row {row:,}")

    async def chunk(self, request: Request) -> Response:
        """Show a chunk: attempts, history, first rows, failure object."""
        job, chunk = await self.find_chunk(request.path_params)
        data, failure = await asyncio.gather(
            asyncio.to_thread(self.readings.input_text, chunk), asyncio.to_thread(self.readings.failure_text, chunk)
        )
        reason = chunk.reason or ""
        view = {
            "job": job,
            "chunk": chunk,
            "kind": kind_of(chunk) if chunk.state.leaf else str(chunk.state),
            "advice": advise(classify(reason), reason) if chunk.parked and reason else None,
            "failure_class": classify(reason) if reason else None,
            "entry": entry_of(classify(reason)),
            "happenings": happenings.of_chunk(chunk),
            "first_rows": rows.first_rows(data),
            "failure": None if failure is None else failure.decode(errors="replace"),
            "here": "jobs",
        }
        return self.renderer.page(request, "chunk.html", view)

    async def runbook(self, request: Request) -> Response:
        """Show the runbook."""
        return self.renderer.page(request, "runbook.html", {"anchors": list(runbook.entries()), "here": "runbook"})

    async def updates(self, request: Request) -> Response:
        """Send the regions of a live page whenever they change, as server-sent events."""
        page = LIVE_PAGES.get(request.query_params.get("page", ""))
        if page is None:
            raise HTTPException(404, "there is no such live page")
        parameters = dict(request.query_params)

        async def stream() -> AsyncIterator[str]:
            sent: dict[str, str] = {}
            async for snapshot in self.live.updates():
                view = page.view(snapshot, parameters)
                if view is None:
                    return
                regions = {name: self.renderer.region(name, view) for name in page.regions}
                marks = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in regions.items()}
                changed = {name: text for name, text in regions.items() if sent.get(name) != marks[name]}
                sent = marks
                yield f"data: {json.dumps(changed)}\n\n" if changed else ": nothing changed\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def static(self, request: Request) -> Response:
        """Send one of our files."""
        name = request.path_params["name"]
        if name not in _STATIC:
            raise HTTPException(404, "there is no such file")
        return Response(files("tailrace.console").joinpath("static", name).read_bytes(), media_type=_STATIC[name])

    async def find_job(self, job_id: str) -> Job:
        """Return a job, and have it watched.

        Raises:
            HTTPException: 404, there is none.
        """
        job = await asyncio.to_thread(self.sampler.open, job_id)
        if job is None:
            raise HTTPException(404, f"this stack has no job {job_id}")
        return job

    async def find_chunk(self, parameters: Mapping[str, str]) -> tuple[Job, Chunk]:
        """Return a job and one of its chunks.

        Raises:
            HTTPException: 404, there is none.
        """
        job = await self.find_job(parameters.get("job", ""))
        try:
            rows_of = RowRange.parse(parameters.get("range", ""))
        except ValueError as exc:
            raise HTTPException(404, f"{parameters.get('range')!r} is no range of rows") from exc
        chunk = await asyncio.to_thread(self.readings.chunk, job.job_id, rows_of)
        if chunk is None:
            raise HTTPException(404, f"job {job.job_id} has no chunk {rows_of.name}")
        return job, chunk


def _chunk_views(job: Job, found: JobChunks) -> dict[str, Any]:
    leaves = [each for each in found.chunks if each.state.leaf]
    still_open = [each for each in leaves if each.state is ChunkState.OPEN and not each.waiting]
    still_open.sort(key=lambda each: (_OPEN_KINDS.index(kind_of(each)), each.range))
    return {
        "strip": strip(found.chunks, job.rows_total, complete=found.complete),
        "chunks_read": len(found.chunks),
        "chunks_complete": found.complete,
        "leaves": len(leaves),
        "splits": len(found.chunks) - len(leaves),
        "open_chunks": still_open[:_MAX_OPEN],
        "more_open": max(0, len(still_open) - _MAX_OPEN),
        "settled_points": happenings.settled_over_time(job, found.chunks),
        "happenings": happenings.latest([job], found.chunks)[:_MAX_HAPPENINGS],
        "kind_of": kind_of,
    }
