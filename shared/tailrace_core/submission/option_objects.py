"""Options of a submit from a JSON object, as files of the inbox have them beside them.

Needs pydantic, which submits do without.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from functools import cache, partial
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from tailrace_core.engines import Engine
from tailrace_core.errors import InputError
from tailrace_core.messages.decoding import first_error
from tailrace_core.submission.options import SubmitOptions

NOT_HERE = frozenset({"job_key", "recipe", "pattern"})
"""Options that an object cannot hold: the inbox sets the job key, a recipe needs the client, and
a file that arrives is a single object."""
MAX_BYTES = 64 * 1024
_SHOWN_CHARS = 80
_SHOWN_NAMES = 5


def parse_options(body: bytes, name: str, **more: Any) -> SubmitOptions:
    """Read the options in a JSON object; all that is wrong is in one message.

    Args:
        body: the object, UTF-8. Its keys are names of `SubmitOptions`; lists of columns may be one
            line of CSV.
        name: where it was read, for the message.
        more: options to set besides, such as the job key.

    Raises:
        InputError: it is no JSON object, a name is unknown, or a value is of another type or out
            of bounds.
    """
    values = _read(body, name)
    known = _adapters()
    problems = []
    if unknown := [option for option in values if option not in known]:
        problems.append(f"{_shown_names(unknown)} here; the options are {', '.join(sorted(known))}")
    for option, value in values.items():
        if option not in known:
            continue
        try:
            known[option].validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            problems.append(f"{option!r} is {_shown(value)}: {first_error(error)}")
    if problems:
        raise InputError(f"{name}: {'; '.join(problems)}")
    tags = {**values.pop("tags", {}), **more.pop("tags", {})}
    if values.get("via") == "auto":
        raise InputError(f"{name}: via is 'auto', which needs the client; it is one of {', '.join(Engine)}")
    try:
        return SubmitOptions(**values, **more, tags=tags)
    except InputError as error:
        raise InputError(f"{name}: {error.message}") from error


def _read(body: bytes, name: str) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise InputError(f"{name} has {len(body)} bytes; options have {MAX_BYTES} at most")
    try:
        values = json.loads(body, object_pairs_hook=partial(_unique, name))
    except (ValueError, RecursionError) as error:
        raise InputError(f'{name} is not JSON ({error}); write an object such as {{"keep": ["id"]}}') from error
    if not isinstance(values, dict):
        raise InputError(f'{name} is no JSON object; write one such as {{"keep": ["id"]}}')
    return values


def _unique(name: str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice in an object: only one of its values would hold."""
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise InputError(f"{name} has {_shown(key)} twice; leave one out")
        values[key] = value
    return values


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    """Return the check of each option's type."""
    # The recipe's own type cannot be evaluated.
    hints = get_type_hints(SubmitOptions, localns={"RecipeLike": Any})
    names = (each.name for each in fields(SubmitOptions) if each.name not in NOT_HERE)
    return {name: TypeAdapter(list[str] | str if hints[name] == Sequence[str] else hints[name]) for name in names}


def _shown(value: object) -> str:
    # Half of a surrogate pair is no text that could be sent on.
    text = json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace").decode()
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"


def _shown_names(unknown: Sequence[str]) -> str:
    shown = [repr(each[:_SHOWN_CHARS]) for each in unknown[:_SHOWN_NAMES]]
    more = f" and {len(unknown) - len(shown)} more" if len(unknown) > len(shown) else ""
    return f"{', '.join(shown)}{more} {'is no option' if len(unknown) == 1 else 'are no options'}"
