"""Modules that come with an extra of the distribution."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tailrace_core.errors import InputError


def extra_module(name: str, extra: str, purpose: str) -> Any:
    """Import a module that comes with an extra.

    Raises:
        InputError: it is not installed; the message names the extra.
    """
    try:
        return import_module(name)
    except ImportError as exc:
        raise InputError(f"{purpose} needs {name.partition('.')[0]}: install tailrace[{extra}]") from exc
