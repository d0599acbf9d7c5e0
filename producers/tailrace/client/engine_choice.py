"""The engine of a submit: the one it names, or with ``auto`` the one that is advised."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tailrace.sources.origins import STDIN, is_address
from tailrace.sources.resolving import local_files
from tailrace_core.engines import Engine
from tailrace_core.submission.options import AUTO

if TYPE_CHECKING:
    from tailrace.aws.stacks import Stack
    from tailrace.sources.names import Names
    from tailrace.sources.origins import OpenObject
    from tailrace_core.submission.options import SubmitOptions


def chosen_engine(sources: Names, options: SubmitOptions, stack: Stack, s3: OpenObject) -> Engine:
    """Return the engine of a submit.

    ``auto`` takes the first of those advised that the stack has. It reads the beginning of files
    and objects a second time; a stream can be read once, so that its size is unknown: then it takes
    the stack's own.

    Raises:
        InputError: the stack cannot infer that way.
    """
    if options.via != AUTO:
        return stack.engine(None if options.via is None else Engine(options.via))
    names = _rereadable(sources)
    if names is None:
        return stack.engine(None)
    from tailrace.advice.asking import choose_engine  # noqa: PLC0415 - most submits do not ask
    from tailrace.sources.record_source import open_records  # noqa: PLC0415 - as above

    with open_records(
        names, header=options.header, s3=s3, pattern=options.pattern, source_format=options.source_format
    ) as source:
        return choose_engine(source, stack, options.deadline_s)


def _rereadable(sources: Names) -> list[str] | None:
    """Return the names of an input that can be read twice, None for any other."""
    named = sources if isinstance(sources, (list, tuple)) else [sources]
    names = [os.fspath(each) for each in named if isinstance(each, (str, os.PathLike))]
    if len(names) < len(named) or STDIN in names:
        return None
    return names if all(map(os.path.isfile, local_files([each for each in names if not is_address(each)]))) else None
