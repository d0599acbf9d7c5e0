"""Reasons as people read them: the container's own words first, and what makes two reasons alike.

The ledger, the events and ``--json`` keep each reason whole; this is for display and grouping.
"""

from __future__ import annotations

import re
import zlib

MAX_CAUSE_CHARS = 120
UNPROVEN_NOTE = "no row that was tried alone was scored"
"""Addition to the reason of a chunk that is parked because all probes failed."""

# Patterns are compiled on first use: most commands show no reason.
_FRAME = (
    r"(?:\w*Error: )?Received (?:client|server) error \((?P<status>[0-9]{1,3})\) from (?P<source>[\w.-]+?)\.?"
    r"(?: with message (?P<quoted>\"(?:[^\"]|\"(?! ?\.? ?See ))*\"))?\.?"
    r"(?: ?See (?:the SageMaker Endpoint logs|https?://)[^\n]*?for more information\.?)?"
    r"(?:\s+(?P<detail>.+))?"
)
_OURS = r"(?:redriven \([0-9]+\)(?:: .*?)?|discarded: .*?); parked for: "
_VARIABLE = r"""
    (?P<status>\([0-9]{3}\)|error\ [0-9]{1,3}(?=\ from\ ))
    |"[^"]*"|'[^']*'|`[^`]*`|\b[a-z0-9]+://\S+|\barn:\S+|\b[0-9][\w.:+-]*
"""


def lead(reason: str) -> str:
    """Return the reason with the container's own words first and the service's frame behind them.

    ``ClientError: Received client error (400) from model. See … could not convert 'x'`` becomes
    ``could not convert 'x' (client error 400 from model)``. A reason without such words is returned
    as it is. What a redrive or a discard put before the reason is left out.
    """
    text = re.sub(_OURS, "", " ".join(reason.split()), count=1)
    found = re.fullmatch(_FRAME, text, re.IGNORECASE)
    if found is None:
        return text
    words = (found["detail"] or (found["quoted"] or "").strip('"')).strip()
    kind = "server" if found["status"].startswith("5") or found["status"] == "0" else "client"
    return f"{words} ({kind} error {found['status']} from {found['source']})" if words else text


def cause_of(reason: str) -> str:
    """Return what a reason has in common with others of the same cause, in at most 120 characters.

    Numbers, quoted values and addresses are replaced by ``…``; the status of an answer stays. What
    the pipeline has added (`UNPROVEN_NOTE`) is left out.
    """
    words = lead(reason.removesuffix(f" ({UNPROVEN_NOTE})")[:4_096])
    masked = re.sub(_VARIABLE, lambda match: match["status"] or "…", words, flags=re.IGNORECASE | re.VERBOSE)
    line = " ".join(masked.split())
    return line if len(line) <= MAX_CAUSE_CHARS else f"{line[: MAX_CAUSE_CHARS - 1]}…"


def cause_id(cause: str) -> str:
    """Return a short name of a cause (six hex digits), to be typed in commands."""
    return f"{zlib.crc32(cause.encode(errors='replace')) & 0xFFFFFF:06x}"
