"""Guard of a job's input: what is written must not replace what was submitted."""

from __future__ import annotations

import os
from pathlib import Path

from tailrace.download.targets import STDOUT
from tailrace.sources.origins import OpenObject, is_address
from tailrace.sources.record_source import open_records
from tailrace_core.csv_text.headers import HeaderPolicy, header_line
from tailrace_core.errors import AccessDeniedError, InputError
from tailrace_core.jobs.model import JobSettings


def replaces_file(target: str | os.PathLike[str]) -> bool:
    """Tell whether writing to the target would replace a file, or might replace an object of S3."""
    return target != STDOUT and (is_address(target) or Path(target).is_file())


def refuse_input(
    target: str | os.PathLike[str], settings: JobSettings, written: bytes | None = None, *, s3: OpenObject | None = None
) -> None:
    """Refuse an existing file that has the columns of the job's input.

    The names of the submitted files are not recorded, and may be others on another machine. All
    files of an input have the same columns, and a result has other ones.

    Args:
        target: the file that would be replaced.
        settings: those of the job.
        written: the beginning of what will be written; None for the result's header. It tells an
            earlier result from an input without a header.
        s3: opens the target that is an object of S3.

    Raises:
        InputError: the target has these columns.
    """
    begins = header_line(settings.result_columns) if written is None else written
    if replaces_file(target) and _has_input_columns(os.fspath(target), settings, begins, s3):
        raise InputError(
            f"{os.fspath(target)} has the columns of the job's input, which would be replaced: name another file, or "
            "remove this one first"
        )


def _has_input_columns(name: str, settings: JobSettings, written: bytes, s3: OpenObject | None) -> bool:
    try:
        with open_records([name], header=settings.header, s3=s3) as source:
            if source.columns != settings.source_columns:
                return False
            # Without a header only the number of columns is compared.
            return settings.header is not HeaderPolicy.NONE or not next(source.blocks(), b"").startswith(written)
    except (InputError, AccessDeniedError):
        return False
