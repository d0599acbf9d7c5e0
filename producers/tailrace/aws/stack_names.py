"""The name of the stack to work on, given or in the environment; and the call that looks it up."""

from __future__ import annotations

import os

from tailrace_core.aws.calls import Call
from tailrace_core.errors import InputError

STACK_VARIABLE = "TAILRACE_STACK"


def stack_name(given: str | None) -> str:
    """Return the name given, or else that of the environment variable ``TAILRACE_STACK``.

    Raises:
        InputError: there is neither.
    """
    name = os.environ.get(STACK_VARIABLE) if given is None else given
    if name is None or (given is None and not name):
        raise InputError(f"no stack is named: give stack=NAME, or set {STACK_VARIABLE}")
    return name


def stack_call(name: str) -> Call:
    """Return the call that reads a stack's outputs."""
    return Call("cloudformation", "describe_stacks", {"StackName": name})
