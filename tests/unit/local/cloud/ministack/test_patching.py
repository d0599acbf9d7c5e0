"""Replacement of a private name, tested on modules that stand for MiniStack's."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tailrace_local.cloud.ministack.patching import MiniStackMismatchError, Patch, PrivateModule

EMULATOR, IMPORTER = "emulator_of_the_test", "importer_of_the_test"


def _invoke(function: str, event: str = "e") -> str:
    return f"{function}({event})"


async def _deploy(name: str) -> str:
    return name


@pytest.fixture
def emulator() -> Iterator[Any]:
    module, importer = ModuleType(EMULATOR), ModuleType(IMPORTER)
    vars(module).update(_invoke=_invoke, _deploy=_deploy, _interval=10, _handlers={"Send": _invoke, "A::B": {}})
    vars(importer).update(_deploy=_deploy)
    sys.modules |= {EMULATOR: module, IMPORTER: importer}
    yield module
    del sys.modules[EMULATOR], sys.modules[IMPORTER]


def patch(declaration: str, *imported_by: str) -> Patch:
    return Patch(EMULATOR, declaration, corrects="c", why="w", until="u", imported_by=imported_by)


def shout(original: Callable[..., str], *arguments: str, **named: str) -> str:
    return original(*arguments, **named) + "!"


def test_a_replacement_gets_the_original_and_the_calls_arguments(emulator: Any) -> None:
    patch("_invoke(function, event)").wrap(shout)
    assert (emulator._invoke("f"), emulator._invoke("f", event="x")) == ("f(e)!", "f(x)!")


def test_a_name_can_be_wrapped_again_and_is_still_as_declared(emulator: Any) -> None:
    for _ in range(2):
        patch("_invoke(function, event)").wrap(shout)
    assert emulator._invoke("f") == "f(e)!!"
    PrivateModule(EMULATOR, "_invoke(function, event)").check()


def test_an_entry_of_a_table_is_replaced_and_the_name_is_not(emulator: Any) -> None:
    patch("_handlers[Send](function, event)").wrap(shout)
    patch("_handlers[A::B]: dict").replace({"create": 1})
    assert emulator._handlers["Send"]("f") == "f(e)!"
    assert emulator._handlers["A::B"] == {"create": 1}
    assert emulator._invoke("f") == "f(e)"


def test_a_function_is_replaced_wherever_it_was_imported(emulator: Any) -> None:
    async def twice(original: Callable[..., Any], name: str) -> str:
        return str(await original(name)) * 2

    patch("_deploy(name)", IMPORTER).wrap(twice)
    assert sys.modules[IMPORTER]._deploy is emulator._deploy
    assert inspect.iscoroutinefunction(emulator._deploy)
    assert asyncio.run(emulator._deploy("s")) == "ss"


def test_another_object_in_an_importing_module_is_refused(emulator: Any) -> None:
    sys.modules[IMPORTER]._deploy = lambda name: name  # type: ignore[attr-defined]
    with pytest.raises(MiniStackMismatchError, match="not the same object"):
        patch("_deploy(name)", IMPORTER).wrap(shout)
    assert emulator._deploy is _deploy


@pytest.mark.parametrize(
    ("declaration", "found"),
    [
        ("_gone()", "does not exist"),
        ("_invoke(function)", r"parameters are \(function, event\)"),
        ("_interval()", "no function, but int"),
        ("_interval: str", "type is int"),
        ("_handlers[Gone](function, event)", "does not exist"),
    ],
)
@pytest.mark.usefixtures("emulator")
def test_a_mismatch_names_the_declaration_and_the_difference(declaration: str, found: str) -> None:
    for use in (patch(declaration).original, PrivateModule(EMULATOR, declaration).load):
        with pytest.raises(MiniStackMismatchError, match=f"{EMULATOR}.*{found}"):
            use()


@pytest.mark.usefixtures("emulator")
def test_a_declaration_without_parameters_or_type_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="write name"):
        patch("_invoke").original()


def test_a_mismatch_replaces_nothing(emulator: Any) -> None:
    with pytest.raises(MiniStackMismatchError):
        patch("_interval: str").replace("1 s")
    assert emulator._interval == 10
