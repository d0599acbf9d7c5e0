"""Guard of a job's input against its result: a download must not replace what was submitted."""

from __future__ import annotations

import os
from pathlib import Path

from tailrace.download.parts import header_line
from tailrace.sources.source import Source
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import JobSettings


def refuse_input(target: str | os.PathLike[str], settings: JobSettings) -> None:
    """Refuse an existing file that has the columns of the job's input.

    The names of the submitted files are not recorded, and may be others on another machine. All
    files of an input have the same columns, and a result has other ones.

    Raises:
        InputError: the target has these columns.
    """
    if Path(target).is_file() and _has_input_columns(os.fspath(target), settings):
        raise InputError(
            f"{os.fspath(target)} has the columns of the job's input, which the result would replace: name another "
            "file, or remove this one first"
        )


def _has_input_columns(name: str, settings: JobSettings) -> bool:
    try:
        with Source.open([name], header=settings.header) as source:
            if source.columns != settings.source_columns:
                return False
            # Without a header only the number of columns is compared; a result has a header.
            result = header_line(settings.result_columns)
            return settings.header is not HeaderPolicy.NONE or not next(source.blocks(), b"").startswith(result)
    except InputError:
        return False
