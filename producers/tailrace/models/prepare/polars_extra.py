"""Polars, which comes with the extra ``prepare``."""

from __future__ import annotations

from tailrace_core.errors import InputError

try:
    import polars as pl
except ImportError as exc:
    raise InputError("preparing data needs polars: install tailrace[prepare]") from exc

__all__ = ["pl"]
