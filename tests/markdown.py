"""Markdown as `make check` wants it, for tests that compare or write pages."""

from __future__ import annotations

import tomllib
from pathlib import Path

import mdformat

_OPTIONS = Path(__file__).parents[1] / ".mdformat.toml"


def formatted(text: str) -> str:
    """Format Markdown with the options that the gate formats it with."""
    return mdformat.text(text, options=tomllib.loads(_OPTIONS.read_text()), extensions={"gfm", "tables"})
