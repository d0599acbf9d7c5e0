"""Rendering: Jinja2 templates with everything escaped, as pages and as regions of live pages."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from tailrace.console import runbook
from tailrace.console.guard import Session
from tailrace.console.views import formats
from tailrace_core.jobs.reasons import lead


class Renderer:
    """Renders the templates of one console.

    ``options`` are those that lead a command to the stack. ``zone`` is the time zone of the times;
    None for the machine's.
    """

    def __init__(
        self,
        session: Session,
        *,
        stack: str,
        options: str,
        write: bool,
        now: Callable[[], float],
        zone: tzinfo | None = None,
    ) -> None:
        self._now = now
        self._zone = zone
        self._jinja = jinja2.Environment(
            loader=jinja2.PackageLoader("tailrace.console", "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        for name in ("number", "size", "duration", "rate", "percent", "iso", "plural"):
            self._jinja.filters[name] = getattr(formats, name)
        self._jinja.filters["lead"] = lead
        self._jinja.filters["moment"] = self._moment
        self._jinja.filters["relative"] = lambda at: formats.relative(at, self._now())
        self._jinja.globals.update(
            stack=stack, options=options, write=write, form_token=session.form_token, runbook_entry=_entry
        )

    def page(self, request: Request, template: str, view: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
        """Render a page."""
        nonce = request.state.nonce
        return HTMLResponse(self._jinja.get_template(template).render(**view, nonce=nonce), status)

    def region(self, name: str, view: Mapping[str, Any]) -> str:
        """Render one region of a live page."""
        return self._jinja.get_template(f"regions/{name}.html").render(**view)

    def _moment(self, at: float | None) -> str:
        return formats.moment(at, self._now(), self._zone)


@functools.cache
def _entry(anchor: str) -> Mapping[str, Any] | None:
    found = runbook.entries().get(anchor)
    # The text is our own documentation, made into HTML when the project was built.
    return None if found is None else {"anchor": anchor, "heading": found.heading, "html": Markup(found.html)}  # noqa: S704
