"""First aid for a job without a scored row: from the model's words to an option of a submit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tailrace_core.jobs.model import Job, JobState

if TYPE_CHECKING:
    from tailrace.download.rejects_summary.summary import RejectsSummary

MOST_HINTS = 3

_HEADER = (
    "The model looks for columns by name: send the header with every chunk, `--header repeat`. Where it is sent "
    "already, its names are not the model's: choose them with `--send`."
)
_SIZE = "A request is too large for the container: send smaller chunks, for instance `--chunk-bytes 1MiB`."
_LARGE_ROW = (
    "A row is larger than a chunk may be: raise `--chunk-bytes`; `tailrace advise FILE` says which ways take such rows."
)
_CONTENT_TYPE = (
    "The model's server does not take rows of this MIME type: name the one that it takes for CSV with "
    "`--content-type`, or send the rows as JSON with `--request json`."
)
_ACCEPT = "The model's server cannot answer in the MIME type requested: name one that it offers with `--accept`."
_MISSING = "Rows have missing values: `--na NA,NULL,nan,` rejects them before anything is sent; name your own tokens."
_TEXT = (
    "The model got text where it expects a number: keep ids and text with `--keep` or leave them out with `--drop`, "
    "reject missing values with `--na`, and send no header (`--header strip`)."
)
_WIDTH = (
    "The rows have another number of columns than the model expects: choose the columns that are sent with `--send`, "
    "or leave others out with `--keep` and `--drop`. The target column of the training is none of them."
)
_TIME = "The model takes too long for a chunk: send smaller ones (`--chunk-rows`), or raise `--invocation-timeout`."
_MEMORY = (
    "The model's process ended or dropped the request: its log says why. Most often it lacks memory: send smaller "
    "chunks (`--chunk-rows 1000`)."
)
_LENGTH = "The model's server must send its answer whole, with a Content-Length header, and not in HTTP chunks."
_LINES = (
    "The model has to answer one line, or one item of a list, for each row, and nothing else: "
    "`tailrace local invoke FILE` shows what is made of an answer."
)
_FIELDS = "The model answers another number of fields: name all columns that it returns with `--output-columns`."
_ANSWERED_TEXT = "If the model's predictions are text, declare it: `--output-type text`."
_PATH = "The container answers, but not as a model: its server has to serve POST /invocations."
_RAGGED = "Rows have another number of fields than the first: check the quotes and the commas of the file."

TABLE: tuple[tuple[str, str], ...] = (
    (r"content.length header", _LENGTH),
    (r"\bover the chunk limit of \d", _LARGE_ROW),
    (
        (
            r"\berror \(413\)|\b413 (?:request|payload|content|entity)|entity too large|payload too large"
            r"|exceed(?:s|ed)? the maximum (?:\w+ ){0,2}size"
        ),
        _SIZE,
    ),
    (
        (
            r"\berror \(415\)|unsupported (?:media|content|mime).?type"
            r"|(?:content|media|mime).?type\b.{0,60}\b(?:not |un)supported"
        ),
        _CONTENT_TYPE,
    ),
    (r"\berror \(406\)|not acceptable|(?:unsupported|unknown|invalid) accept|accept type", _ACCEPT),
    (
        (
            r"missing inputs|input dataframe is compatible|feature.?names?\b"
            r"|(?:columns?|features?|inputs?) (?:are|is) missing"
            r"|missing (?:column|feature)s?|not in index|not in the columns|keyerror|no column named|column not found"
        ),
        _HEADER,
    ),
    (r"contains? (?:nan|missing values?|null)|(?:nan|null) values?\b|cannot convert float nan", _MISSING),
    (
        (
            r"could not convert (?:string|str)|cannot (?:be converted|convert|parse)|invalid literal"
            r"|not a (?:number|float)|is not numbers"
        ),
        _TEXT,
    ),
    (
        (
            r"shape.?mismatch|feature.?mismatch|number of (?:features|columns|fields)|has \d+ features"
            r"|shapes? \(.{1,40}\) (?:and|not aligned)|expect(?:s|ed|ing)?:? \d+ (?:features|columns|inputs|values)"
            r"|mat1 and mat2|incompatible (?:shape|with the layer)"
        ),
        _WIDTH,
    ),
    (r"timed out|time-?out", _TIME),
    (r"out of memory|worker (?:process )?died|could not get a response", _MEMORY),
    (r"\bprediction \d+ has \d+ fields|name the output columns", _FIELDS),
    (r"--output-type text|may be an error's text", _ANSWERED_TEXT),
    (r"\brows were sent, the model answered|page of markup|begins like json", _LINES),
    (r"\berror \(40[45]\)", _PATH),
    (r"\bfields expected, \d+ found", _RAGGED),
)
"""Patterns for a reason in any case, and the hint; the first that matches wins."""


def hints_for(reasons: Iterable[str]) -> tuple[str, ...]:
    """Return at most `MOST_HINTS` hints for reasons, in their order, each hint once."""
    hints: dict[str, None] = {}
    for reason in reasons:
        for pattern, hint in TABLE:
            if re.search(pattern, reason, re.IGNORECASE):
                hints[hint] = None
                break
    return tuple(hints)[:MOST_HINTS]


def first_aid(job: Job, summary: RejectsSummary | None, parked: Iterable[str | None] = ()) -> tuple[str, ...]:
    """Return hints for a job without a scored row that has ended, or waits for an operator.

    ``parked`` are the reasons of its parked chunks. A job with a scored row gets no hints.
    """
    if job.rows_scored:
        return ()
    if not job.state.final:
        return hints_for(reason for reason in parked if reason)
    if not job.rows_rejected and job.state is not JobState.FAILED:
        return ()
    reasons = [] if summary is None else [each.reason for each in summary.reasons]
    return hints_for([*reasons, job.reason or ""])
