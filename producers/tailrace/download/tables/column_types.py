"""The columns of a result and their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tailrace_core.answers.shape import ColumnType
from tailrace_core.jobs.model import JobSettings


@dataclass(frozen=True, slots=True)
class ColumnTypes:
    """The columns of a result in their order, and the type of each."""

    types: Mapping[str, ColumnType]

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the number columns."""
        return tuple(name for name, kind in self.types.items() if kind is ColumnType.NUMBER)


def column_types(settings: JobSettings, shape: str | None) -> ColumnTypes:
    """Return the types of a job's result columns; ``shape`` is the note of its answers' shape."""
    from tailrace_core.answers.evidence import decode_shape  # noqa: PLC0415 - a submit does not need it

    outputs = len(settings.output_columns)
    established = decode_shape(shape).types if shape else (ColumnType.TEXT,) * outputs
    types = established if settings.output_type is None else (settings.output_type,) * outputs
    kept = (ColumnType.TEXT,) * len(settings.kept_columns)
    return ColumnTypes(dict(zip(settings.result_columns, (*kept, *types), strict=True)))
