"""The handler of ListStripes."""

from __future__ import annotations

from typing import Any


def handler(event: dict[str, Any], context: Any) -> Any:
    """Refuse every event: the function is not written yet.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError
