"""The one way to replace, and to use, MiniStack's private names.

MiniStack has no public way to extend it. Each name that the cloud relies on is declared::

    _LAMBDA = PrivateModule("ministack.services.lambda_svc", "_functions: AccountRegionScopedDict")

    _POLLER = Patch(
        "ministack.services.lambda_svc",
        "_poll_sqs()",
        corrects="MiniStack deletes a batch after a malformed answer, where AWS returns it.",
        why="A consumer with such an answer would lose messages here only.",
        until="MiniStack follows AWS's rules for partial batch responses.",
    )

and used where the collaborators are known: `_LAMBDA.load()`, `_POLLER.wrap(replacement)`. A name
that is missing, or has other parameters, raises `MiniStackMismatchError`, and is not replaced.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PINNED = "1.5.33"
"""The version of MiniStack that all declarations and all `until` were last checked against."""

_DECLARATION = re.compile(r"(\w+)(?:\[([\w:]+)\])?(?:\(([\w, ]*)\)|: (\w+))")


class MiniStackMismatchError(RuntimeError):
    """MiniStack is not as the cloud expects it.

    The message holds the declaration and the difference.
    """


def require_pinned_version() -> None:
    """Check the installed version.

    Raises:
        MiniStackMismatchError: another version than PINNED is installed.
    """
    found = importlib.metadata.version("ministack")
    if found != PINNED:
        raise MiniStackMismatchError(
            f"MiniStack {found} is installed where {PINNED} is expected: run `make setup`, or pass the contract "
            "tests with the new version and change PINNED"
        )


@dataclass(frozen=True)
class _Slot:
    """A module's attribute, or an entry of a table that is one.

    A declaration is `name(parameters)` for a function, `name: type` for anything else. `name[key]`
    is a table's entry.
    """

    module: str
    declaration: str

    def get(self) -> Any:
        """Return the value. Raises MiniStackMismatchError when it is not as declared."""
        owner, key, parameters, kind = self._parts()
        if key not in owner:
            raise self._mismatch("it does not exist")
        value = owner[key]
        if kind is not None and type(value).__name__ != kind:
            raise self._mismatch(f"its type is {type(value).__name__}")
        if kind is None:
            if not callable(value):
                raise self._mismatch(f"it is no function, but {type(value).__name__}")
            found = ", ".join(inspect.signature(value).parameters)
            if found != parameters:
                raise self._mismatch(f"its parameters are ({found})")
        return value

    def set(self, value: Any) -> None:
        """Replace the value."""
        owner, key, _, _ = self._parts()
        owner[key] = value

    def _parts(self) -> tuple[dict[str, Any], str, str | None, str | None]:
        """Return the value's dictionary and key, a function's parameters, another value's type."""
        parsed = _DECLARATION.fullmatch(self.declaration)
        if parsed is None:
            raise ValueError(f"{self.declaration!r} declares no name: write name(parameters), or name: type")
        name, entry, parameters, kind = parsed.groups()
        namespace = vars(importlib.import_module(self.module))
        if entry is None:
            return namespace, name, parameters, kind
        return namespace.get(name, {}), entry, parameters, kind

    def _mismatch(self, found: str) -> MiniStackMismatchError:
        return MiniStackMismatchError(
            f"MiniStack {PINNED} should have {self.module}.{self.declaration}, and {found}: "
            "adapt the declaration and its user in tailrace_local/cloud/ministack"
        )


@dataclass(frozen=True, init=False)
class PrivateModule:
    """One of MiniStack's modules, with the private names that are used but not replaced."""

    name: str
    declarations: tuple[str, ...]

    def __init__(self, name: str, *declarations: str) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "declarations", declarations)

    def load(self) -> Any:
        """Import the module.

        Raises:
            MiniStackMismatchError: one of the names is missing or not as declared.
        """
        self.check()
        return importlib.import_module(self.name)

    def check(self) -> None:
        """Check the names. Raises MiniStackMismatchError."""
        for declaration in self.declarations:
            _Slot(self.name, declaration).get()


@dataclass(frozen=True)
class Patch:
    """The replacement of one of MiniStack's names.

    Attributes:
        module: the module that defines it.
        declaration: the name, as `_Slot` reads it.
        corrects: the difference between MiniStack and AWS, or the hook that the cloud needs.
        why: the consequence without the patch.
        until: the change in MiniStack after which the patch can be deleted.
        imported_by: further modules that hold the same object under the same name.
    """

    module: str
    declaration: str
    corrects: str
    why: str
    until: str
    imported_by: tuple[str, ...] = ()

    def original(self) -> Any:
        """Return the current value, which may be an earlier replacement.

        Raises:
            MiniStackMismatchError: it is missing, not as declared, or another object in one of
                `imported_by`.
        """
        found, *others = (slot.get() for slot in self._slots())
        if any(other is not found for other in others):
            raise MiniStackMismatchError(
                f"{self.declaration} is not the same object in {self.module} and {', '.join(self.imported_by)}"
            )
        return found

    def wrap(self, replacement: Callable[..., Any]) -> None:
        """Replace a function.

        `replacement` is called with the original and then with the call's arguments.
        """
        original = self.original()
        # The wrapped function's signature stays visible, so that the same name can be checked and
        # wrapped again.
        self.replace(functools.update_wrapper(functools.partial(replacement, original), original))

    def replace(self, value: Any) -> None:
        """Replace a value, or a function by one that needs no original."""
        self.original()
        for slot in self._slots():
            slot.set(value)

    def _slots(self) -> list[_Slot]:
        return [_Slot(module, self.declaration) for module in (self.module, *self.imported_by)]
