"""Signs that an answer is an error's text and holds no predictions, whatever its status was."""

from __future__ import annotations

import re
from typing import Any

SHOWN_CHARS = 200

_MARKUP = re.compile(rb"\s*<(?:[!?]|/?[a-z][a-z0-9:-]*[\s/>])", re.IGNORECASE)
_WORDS = re.compile(
    rb"\b(?:\w*error|\w*exception|traceback|failed|failure|denied|forbidden|unauthori[sz]ed|unavailable|timed out"
    rb"|timeout|out of memory|not found|bad gateway|bad request|internal server|too many requests|cannot|could not"
    rb"|invalid|overloaded|refused)\b",
    re.IGNORECASE,
)
_KEYS = frozenset(
    {
        *("error", "errors", "error_message", "errormessage", "error_code", "errorcode", "error_type", "errortype"),
        *("exception", "traceback", "stacktrace", "stack_trace", "fault", "message", "messages", "detail", "details"),
        *("reason", "status", "statuscode", "status_code", "code", "msg", "title", "type", "__type", "description"),
    }
)
_ERRORS = ("error", "errors", "exception", "traceback", "errormessage", "error_message")
_VARIABLE = re.compile(rb"0x[0-9a-f]+|[0-9a-f]{8,}|[0-9]+", re.IGNORECASE)


def is_markup(answer: bytes) -> bool:
    """Tell whether an answer begins like a page of HTML or XML."""
    return _MARKUP.match(answer) is not None


def reads_like_page(answer: bytes) -> bool:
    """Tell whether markup is that of a whole page."""
    return re.match(rb"\s*<(?:!|\?|html|head|body)", answer, re.IGNORECASE) is not None


def reads_like_error(text: bytes) -> bool:
    """Tell whether a text uses the words of errors."""
    return _WORDS.search(text) is not None


def names_an_error(value: dict[str, Any]) -> bool:
    """Tell whether a JSON object has the members of an error and no others."""
    return bool(value) and all(str(key).lower() in _KEYS for key in value)


def reports_an_error(value: dict[str, Any]) -> bool:
    """Tell whether a JSON object has a member that says that there was an error."""
    return any(str(key).lower() in _ERRORS and bool(item) for key, item in value.items())


def fingerprint(answer: bytes) -> str:
    """Return the beginning of an answer, without the numbers that vary in an error's text."""
    return _VARIABLE.sub(b"0", answer[:SHOWN_CHARS].strip()).decode(errors="replace")


def shown(answer: bytes) -> str:
    """Return the beginning of an answer, for people."""
    text = answer[: 4 * SHOWN_CHARS].decode(errors="replace").strip()
    return repr(text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…")
