"""Options of requests in JSON: their template, and the media type of their rows."""

from __future__ import annotations

import re

from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError
from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.objects.request_templates import DEFAULTS, RequestTemplate

CSV_TYPE = "text/csv"
_TYPES = {RequestFormat.JSON: "application/json", RequestFormat.JSONL: "application/jsonlines"}
_FITTING = {
    RequestFormat.JSON: re.compile(r"(?:application|text)/(?:x-|vnd\.)?json|[^/]+/[^/]+\+json", re.IGNORECASE),
    RequestFormat.JSONL: re.compile(r"(?:application|text)/(?:x-|vnd\.)?(?:json-?lines|jsonl|ndjson)", re.IGNORECASE),
}


def complete_request(
    request: RequestFormat,
    template: str | None,
    content_type: str,
    header: HeaderPolicy,
    *,
    other_formats: re.Pattern[str],
) -> tuple[str, str]:
    """Return the template and the media type of a request in JSON, by default those of its format.

    ``other_formats`` are the media types of other formats than CSV.

    Raises:
        InputError: the options contradict each other, or the template is none.
    """
    template = DEFAULTS[request] if template is None else template
    RequestTemplate.parse(template, request, ())
    if header is HeaderPolicy.REPEAT:
        raise InputError(
            f"header is repeat, and a request in {request} has no header: OBJECT in request_template names the columns "
            "of each row"
        )
    content_type = _TYPES[request] if content_type == CSV_TYPE else content_type
    kind = content_type.partition(";")[0].strip()
    is_other = kind.lower() == CSV_TYPE or other_formats.fullmatch(kind)
    if is_other and not _FITTING[request].fullmatch(kind):
        raise InputError(
            f"content_type is {content_type!r}, and rows are sent as {request}: leave it out, which means "
            f"{_TYPES[request]}, or choose another request"
        )
    return template, content_type
