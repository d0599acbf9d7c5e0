"""The sources of a remote submit: objects of S3, and prefixes, that the stack's functions read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tailrace.sources.names import source_names
from tailrace.sources.object_origins import parse_prefix
from tailrace.sources.origins import STDIN, Origin, is_address, parse_address
from tailrace_core.errors import InputError
from tailrace_core.submission.striping.request import SourceName

if TYPE_CHECKING:
    from tailrace.aws.stacks import Stack
    from tailrace.sources.names import Names
    from tailrace_core.submission.options import SubmitOptions

_OTHERWISE = "or submit without --remote (remote=True)"


def machine_of(stack: Stack) -> str:
    """Return the ARN of the stack's state machine.

    Raises:
        InputError: the stack has none.
    """
    if stack.cutting_machine is None:
        raise InputError(
            f"stack {stack.name!r} has no functions that cut objects where they lie: deploy it with the parameter "
            f"RemoteCutting=true, {_OTHERWISE}",
            stack=stack.name,
        )
    return stack.cutting_machine


def remote_sources(sources: Names, options: SubmitOptions) -> tuple[SourceName, ...]:
    """Return the sources as the stack's functions list them.

    Raises:
        InputError: one of them does not lie in S3; or an option needs this machine.
    """
    if options.recipe is not None:
        raise InputError(
            "a recipe prepares rows on this machine, and with --remote none pass through it: prepare them first with "
            f"`tailrace prepare`, {_OTHERWISE}"
        )
    found = tuple(_source(each, options.pattern) for each in source_names(sources))
    if not found:
        raise InputError("no input is named: name s3://bucket/key, or s3://bucket/prefix/")
    if options.pattern is not None and not any(each.is_prefix for each in found):
        raise InputError(
            f"the pattern {options.pattern!r} chooses among the objects below a prefix, and none is named: end an "
            "address with /, as in s3://bucket/days/, or leave the pattern out"
        )
    return found


def _source(name: object, pattern: str | None) -> SourceName:
    if not isinstance(name, str) or not is_address(name):
        raise InputError(
            f"{_described(name)}, and with --remote every source lies in S3: upload it (aws s3 cp), and name "
            f"s3://bucket/key or s3://bucket/prefix/, {_OTHERWISE}"
        )
    if prefix := parse_prefix(name):
        return SourceName(bucket=prefix[0], key=prefix[1], is_prefix=True, pattern=pattern)
    bucket, key = parse_address(name)
    return SourceName(bucket=bucket, key=key)


def _described(name: object) -> str:
    if isinstance(name, Origin):
        return f"{name.name} is {'a table' if name.is_table else 'data'} in memory"
    if name == STDIN:
        return "- is standard input"
    if isinstance(name, (str, os.PathLike)):
        return f"{name} is on this machine"
    return f"a {type(name).__name__} is a stream of this program"
