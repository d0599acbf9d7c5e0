"""All patches and all used private names of MiniStack, found in the modules of this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from tailrace_local.cloud import ministack
from tailrace_local.cloud.ministack.patching import Patch, PrivateModule


def modules() -> Iterator[ModuleType]:
    """Every module of this folder but this one.

    None of them imports MiniStack before it is used.
    """
    for found in pkgutil.walk_packages(ministack.__path__, f"{ministack.__name__}."):
        if found.name != __name__:
            yield importlib.import_module(found.name)


def patches(module: ModuleType) -> list[Patch]:
    """The patches that a module declares, alone or in a tuple."""
    return [each for each in _declared(module) if isinstance(each, Patch)]


def private_modules(module: ModuleType) -> list[PrivateModule]:
    """The modules of MiniStack whose private names a module uses."""
    return [each for each in _declared(module) if isinstance(each, PrivateModule)]


def check_all() -> None:
    """Check every declared name against the installed MiniStack. Raises MiniStackMismatchError."""
    for module in modules():
        for patch in patches(module):
            patch.original()
        for private in private_modules(module):
            private.check()


def _declared(module: ModuleType) -> Iterator[object]:
    for value in vars(module).values():
        yield from value if isinstance(value, tuple) else (value,)
