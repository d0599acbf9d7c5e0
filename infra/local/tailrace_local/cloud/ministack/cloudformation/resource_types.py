"""CloudFormation's resource types: MiniStack's own, and those that the cloud adds or wraps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule
from tailrace_local.emulator_base.resources import ResourceHandlers

_PROVISIONERS = PrivateModule("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS: dict")
_WORKER_THREADS = Patch(
    "ministack.services.cloudformation.stacks",
    "_runs_on_worker_thread(resource_type)",
    corrects="MiniStack calls the handlers of most types on its event loop.",
    why="The cloud's handlers call this cloud's own port: on the loop they would wait for themselves.",
    until="MiniStack has a public way to register a type, with a choice of the thread.",
)

Handler = Callable[..., Any]


class ResourceTypes:
    """The table of types. The cloud's handlers may block: they run on worker threads."""

    def __init__(self) -> None:
        self._handlers: dict[str, dict[str, Handler]] = _PROVISIONERS.load()._RESOURCE_HANDLERS
        self._ours: set[str] = set()
        _WORKER_THREADS.wrap(lambda original, name: name in self._ours or original(name))

    def find(self, name: str) -> Mapping[str, Handler] | None:
        """Return a type's handlers by `create`, `update` and `delete`; None for an unknown type."""
        return self._handlers.get(name)

    def add(self, types: Mapping[str, ResourceHandlers]) -> None:
        """Add types, by their names."""
        for name, added in types.items():
            self._handlers[name] = {"create": added.create, "update": added.update, "delete": added.delete}
            self._ours.add(name)

    def replace(self, patch: Patch, handlers: ResourceHandlers) -> None:
        """Replace all handlers of the type that `patch` declares."""
        patch.original()
        self.add({_type_name(patch): handlers})

    def wrap(self, patch: Patch, **wrappers: Handler) -> None:
        """Wrap handlers of the type that `patch` declares.

        Each wrapper is called with the original handler first.

        A wrapper for a handler that the type does not have is left out.
        """
        original: dict[str, Handler] = patch.original()
        wrapped = {name: partial(wrapper, original[name]) for name, wrapper in wrappers.items() if name in original}
        patch.replace({**original, **wrapped})
        self._ours.add(_type_name(patch))


def _type_name(patch: Patch) -> str:
    return patch.declaration.partition("[")[2].partition("]")[0]
