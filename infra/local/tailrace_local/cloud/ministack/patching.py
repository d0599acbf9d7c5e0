"""Whom MiniStack's private functions work for, and what stands in their place."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def replace(module: Any, name: str, value: Callable[..., Any]) -> None:
    """Put `value` in the place of a function. Raises TypeError when there is none of that name."""
    if not callable(getattr(module, name, None)):
        raise TypeError(f"MiniStack should have {module.__name__}.{name}, and it has not")
    setattr(module, name, value)


class Scope:
    """An account and a region: what MiniStack keeps is kept apart by them, and by thread."""

    def __init__(self, region: str, account_id: str) -> None:
        self._region = region
        self._account_id = account_id
        self._responses = importlib.import_module("ministack.core.responses")

    def enter(self) -> None:
        """Have this thread speak for them."""
        self._responses.set_request_account_id(self._account_id)
        self._responses.set_request_region(self._region)
