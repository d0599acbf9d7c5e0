"""The plan of a preparation: a recipe applied to the columns of one input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tailrace.models.prepare.recipes.recipe import ColumnSteps, Recipe
from tailrace.sources.tables.recognition import header
from tailrace_core.errors import InputError
from tailrace_core.records.column_names import ALL, choose, listed

_TARGET_HINT = (
    "; if the model predicts that column, name it as the recipe's target, and prepare the training data again"
)

_RANGE_HINT = (
    "; rows to score lack the target, at which this range ends: name the fitted.json that `tailrace prepare` wrote "
    "beside the training data, which lists the columns"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationPlan:
    """Steps and places (0-based, in the input) of the columns of one input."""

    columns: tuple[str, ...]
    steps: Mapping[int, ColumnSteps]
    """The steps of the columns that have any; a ``fill`` among them is the text to write, unless
    the plan is made to compute it."""
    written: tuple[int, ...]
    """The columns to write, in this order."""
    selected: int
    """How many of them the recipe selects; those after them are written for scoring only, to be
    kept beside the predictions."""
    names: tuple[str, ...]
    """Names of the written columns."""
    target: str | None = None
    """Name of the written column that the model predicts, if there is one."""
    decimal: str = "."
    thousands: str | None = None

    @property
    def is_identity(self) -> bool:
        """True if all columns are written in the input's order."""
        return self.written == tuple(range(len(self.columns)))

    @property
    def header(self) -> bytes:
        """The header record to write, without its line end."""
        return header(self.names).removesuffix(b"\n")


def plan_for(recipe: Recipe, columns: Sequence[str], *, scoring: bool = False) -> PreparationPlan:
    """Apply a recipe to the columns of an input.

    For ``scoring``, the target may be missing, and columns that are not selected follow the others.

    Raises:
        InputError: the recipe names a column that the input does not have, or one twice; or two
            columns would get the same name.
    """
    try:
        return _plan(recipe, tuple(columns), scoring=scoring)
    except InputError as exc:
        raise InputError(f"{recipe.where}: {exc}{_hint(recipe, columns, str(exc)) if scoring else ''}") from exc


def _hint(recipe: Recipe, columns: Sequence[str], error: str) -> str:
    """Return what may help where rows to score lack a column that the recipe names."""
    missing = {*recipe.columns, *recipe.select, *recipe.rename}.difference(columns)
    named = [name for name in missing if f"{name!r}" in error]
    if recipe.target is None:
        return _TARGET_HINT if named else ""
    ends_there = any(name.startswith(f"{recipe.target}:") or name.endswith(f":{recipe.target}") for name in named)
    return _RANGE_HINT if ends_there else ""


def by_names(recipe: Recipe, columns: Sequence[str]) -> Recipe:
    """Return a recipe with the names of an input's columns in place of ranges and of ``*``.

    Rows to score then get what those for training got: a range may end at the target, which they
    lack, and they may have columns that the model was not trained with.

    Raises:
        InputError: the recipe names a column that the input does not have, or one twice.
    """
    try:
        # The values to fill stay apart, under their columns' names.
        steps = _steps(replace(recipe, fitted=None), tuple(columns), set())
        selected = choose(columns, recipe.select, "select").ordered()
    except InputError as exc:
        raise InputError(f"{recipe.where}: {exc}") from exc
    return replace(
        recipe,
        columns={columns[place]: each for place, each in steps.items()},
        select=tuple(columns[place] for place in selected),
    )


def _plan(recipe: Recipe, columns: tuple[str, ...], *, scoring: bool) -> PreparationPlan:
    absent = {recipe.target} if scoring and recipe.target not in columns else set()
    # Rows to score need no value of it, even where it has one.
    idle = {recipe.target} if scoring else set()
    if recipe.target is not None and recipe.target not in {*columns, *absent}:
        raise InputError(f"target names no column of the input: {recipe.target!r}; they are {listed(columns)}")
    select = tuple(name for name in recipe.select if name not in absent)
    written = choose(columns, select, "select").ordered() if select else tuple(range(len(columns)))
    for old in recipe.rename:
        if old not in columns and old not in absent:
            raise InputError(f"rename names no column of the input: {old!r}; they are {listed(columns)}")
    names = tuple(recipe.rename.get(columns[place], columns[place]) for place in written)
    _require_unique(names)
    selected = len(written)
    if scoring:
        others = tuple(place for place, name in enumerate(columns) if place not in written and name not in names)
        written += others
        names += tuple(columns[place] for place in others)
    target = None if recipe.target is None else recipe.rename.get(recipe.target, recipe.target)
    return PreparationPlan(
        columns=columns,
        steps=_steps(recipe, columns, idle),
        written=written,
        selected=selected,
        names=names,
        target=target if target in names else None,
        decimal=recipe.input.decimal,
        thousands=recipe.input.thousands,
    )


def _steps(recipe: Recipe, columns: tuple[str, ...], idle: set[str | None]) -> dict[int, ColumnSteps]:
    found: dict[int, ColumnSteps] = {}
    rest: ColumnSteps | None = None
    for name, steps in recipe.columns.items():
        if name in idle:
            continue
        if name == ALL and ALL not in columns:
            rest = steps
            continue
        for place in choose(columns, (name,), "columns").named:
            if place in found:
                raise InputError(f"columns names column {columns[place]!r} twice: name it once")
            found[place] = steps
    if rest is not None:
        found |= {place: rest for place in range(len(columns)) if place not in found}
    found = {place: steps for place, steps in found.items() if columns[place] not in idle}
    if recipe.fitted is None:
        return dict(sorted(found.items()))
    return {place: _with_value(recipe, columns[place], steps) for place, steps in sorted(found.items())}


def _with_value(recipe: Recipe, column: str, steps: ColumnSteps) -> ColumnSteps:
    if not steps.is_fitted:
        return steps
    value = (recipe.fitted or {}).get(column)
    if value is None:
        raise InputError(f"no value was computed for column {column!r}: run `tailrace prepare` with the recipe again")
    return replace(steps, fill=value)


def _require_unique(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"two columns would be called {name!r}: rename one of them otherwise")
        seen.add(name)
