"""The input of a submit, prepared by a recipe while it is read."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from tailrace.models.prepare.dialects import origins
from tailrace.models.prepare.plan import plan_for
from tailrace.models.prepare.preparing import open_source, prepared_cuts
from tailrace.models.prepare.recipes.recipe import Recipe
from tailrace.models.prepare.recipes.recipe_files import RecipeName, load_recipe
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError
from tailrace_core.jobs.settings import SourceFormat

if TYPE_CHECKING:
    from tailrace.sources.names import Names
    from tailrace.sources.origins import OpenObject
    from tailrace.sources.source import Source
    from tailrace_core.submission.options import SubmitOptions


class PreparedSource:
    """A source whose rows are prepared; a `tailrace.sources.record_source.RecordSource`.

    It has a record for each record of the input, in its order. Columns that the recipe does not
    select follow those that it does, so that they can be kept beside the predictions.
    """

    def __init__(self, source: Source, recipe: Recipe) -> None:
        self._source = source
        self._plan = plan_for(recipe, source.columns, scoring=True)
        self._selects = bool(recipe.select)
        self._rejected: dict[int, str] = {}
        self.columns = self._plan.names
        self.header: bytes | None = self._plan.header

    @classmethod
    def open(
        cls,
        sources: Names,
        recipe: Recipe | Mapping[str, Any] | RecipeName,
        *,
        header: HeaderPolicy = HeaderPolicy.STRIP,
        stdin: IO[bytes] | None = None,
        s3: OpenObject | None = None,
        pattern: str | None = None,
    ) -> Self:
        """Open an input to be prepared.

        Raises:
            InputError: the recipe is wrong, has values that are not computed yet, or does not fit
                the input; or see `tailrace.sources.source.Source.open`.
        """
        loaded = load_recipe(recipe)
        if loaded.needs_fit:
            raise InputError(
                f"{loaded.where} fills with a median or mode, which is computed from the training data, not from "
                "the rows to score: name the fitted.json that `tailrace prepare` wrote for it"
            )
        if header is HeaderPolicy.NONE:
            raise InputError(
                "prepared rows have column names: leave out --header none, and write header = false under [input] of "
                "the recipe if the input has no header"
            )
        source = open_source(origins(sources, loaded.input, stdin=stdin, s3=s3, pattern=pattern), loaded)
        try:
            return cls(source, loaded)
        except BaseException:
            source.close()
            raise

    @property
    def source_format(self) -> SourceFormat:
        """CSV: prepared records are quoted where CSV needs it."""
        return SourceFormat.CSV

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, streams and objects of the input, in order."""
        return self._source.names

    @property
    def size_hint_bytes(self) -> int | None:
        """Size of the input as stored; None when it is unknown."""
        return self._source.size_hint_bytes

    @property
    def head(self) -> bytes:
        """The first bytes of the input, as far as they were read to find its columns."""
        return self._source.head

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, out of ``size_hint_bytes``."""
        return self._source.bytes_read

    def options(self, options: SubmitOptions) -> SubmitOptions:
        """Return the options of a submit whose model gets what it was trained with.

        These are the columns that the recipe selects, without the target. Without a selection it is
        every column that is not kept. Columns to send that the caller names stay as they are.
        """
        plan = self._plan
        if options.send:
            return options
        if self._selects:
            chosen = plan.names[: plan.selected]
            return replace(options, send=[name for name in chosen if name not in {plan.target, *options.drop}])
        if plan.target is None or plan.target in {*options.keep, *options.drop}:
            return options
        return replace(options, drop=(*options.drop, plan.target))

    def blocks(self) -> Iterator[bytes]:
        """Read the prepared records, in blocks of some MiB."""
        return self._blocks()

    @property
    def lies_in_s3(self) -> bool:
        """False: the prepared records lie nowhere."""
        return False

    def boundaries(self, stripe_bytes: int) -> Sequence[int]:  # noqa: ARG002 - the protocol's
        """Return none: prepared records are cut as one stream."""
        return ()

    def describe_position(self, offset: int) -> str:
        """Describe an offset of the prepared records."""
        return f"at byte {offset} of the prepared rows"

    def known_rejects(self, first_row: int, rows: int) -> dict[int, str]:
        """Return why rows that were read are rejected, and forget them."""
        if not self._rejected:
            return {}
        found = [row for row in range(first_row, first_row + rows) if row in self._rejected]
        return {row: self._rejected.pop(row) for row in found}

    def close(self) -> None:
        """Close the open file."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _blocks(self) -> Generator[bytes, None, None]:
        for each in prepared_cuts(self._source, self._plan, keep_rows=True):
            self._rejected.update({reject.row: reject.reason for reject in each.rejected})
            if each.data:
                yield each.data
