"""Forms of the console: URL-encoded, bounded, with the session's form token."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from tailrace.console.guard import Session
from tailrace.console.views.rows import MAX_EDIT_BYTES

FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field
MAX_FORM_BYTES = 4 * MAX_EDIT_BYTES
"""Largest form: a character of a row may take three characters in a form."""
_TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 20


async def read_form(request: Request, session: Session) -> Mapping[str, str]:
    """Return a form's fields.

    Raises:
        HTTPException: 403 without the session's form token, 413 if it is too large, 415 for
            another type.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != _TYPE:
        raise HTTPException(415, f"send {_TYPE}")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM_BYTES:
            raise HTTPException(413, "the form is too large: use the command line for large inputs")
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError as exc:
        raise HTTPException(400, f"the form cannot be read: {exc}") from exc
    if not session.accepts_form(fields.get(FORM_TOKEN, "")):
        raise HTTPException(403, "the form does not come from this console: open the page again")
    return fields
