"""The console's application: routes, guard, error pages."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable
from datetime import tzinfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from tailrace.console.action_pages import ActionPages
from tailrace.console.actions import Actions, ConsoleClient
from tailrace.console.guard import ConsoleGuard, Session
from tailrace.console.pages import ReadingPages
from tailrace.console.readings import Readings
from tailrace.console.rendering import Renderer
from tailrace.console.sampler import LiveSnapshots, Sampler
from tailrace_core.errors import InputError, TailraceError


def console_application(
    client: ConsoleClient,
    session: Session,
    *,
    write: bool = False,
    options: str = "",
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    zone: tzinfo | None = None,
) -> Starlette:
    """Return the application for one stack.

    ``options`` are those that lead a command to the stack. With ``write`` it may also redrive,
    discard, edit and cancel.
    """
    readings = Readings(client.operations, now=now)
    sampler = Sampler(readings, now=now)
    live = LiveSnapshots(sampler, sleep=sleep)
    stack = client.operations.stack.name
    renderer = Renderer(
        session, stack=stack, options=options or shlex.join(("--stack", stack)), write=write, now=now, zone=zone
    )
    pages = ReadingPages(readings, sampler, live, renderer)
    routes = pages.routes()
    if write:
        routes += ActionPages(pages, Actions(client), session).routes()

    def explain(request: Request, error: Exception) -> Response:
        status = 502
        if isinstance(error, HTTPException):
            status = error.status_code
        elif isinstance(error, InputError):
            status = 400
        text = error.detail if isinstance(error, HTTPException) else str(error)
        return renderer.page(request, "error.html", {"status": status, "text": text, "here": ""}, status=status)

    application = Starlette(
        routes=routes,
        middleware=[Middleware(ConsoleGuard, session=session)],
        exception_handlers={HTTPException: explain, TailraceError: explain},
    )
    application.state.live = live
    return application
