"""The clients, sync and async, over the packages that do the work.

The command line may import them; they import everything of the client but the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tailrace.client.sync_client import Tailrace

__all__ = ["Tailrace"]


def __getattr__(name: str) -> Any:
    if name != "Tailrace":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # On first use: the command line imports parts of this package that need no connection.
    from tailrace.client.sync_client import Tailrace  # noqa: PLC0415

    return Tailrace
