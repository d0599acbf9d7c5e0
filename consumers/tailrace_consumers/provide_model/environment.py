"""A container's environment, parsed from a template's parameter."""

from __future__ import annotations

import json
import re
from typing import Any

from tailrace_core.errors import InputError

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LIMIT = 100
_LONGEST = 1024
_EXAMPLE = 'write it as {"NAME": "value"}'


def parse_environment(text: str) -> dict[str, str]:
    """Parse a JSON object of strings; an empty text holds no variables.

    The limits are CreateModel's.

    Raises:
        InputError: the text is something else; the message says what and where.
    """
    if not text.strip():
        return {}
    try:
        found = json.loads(text, object_pairs_hook=_object)
    except ValueError as exc:
        raise InputError(f"the model's environment is not JSON: {exc}; {_EXAMPLE}") from exc
    if not isinstance(found, dict):
        raise InputError(f"the model's environment is not a JSON object: {_EXAMPLE}")
    if len(found) > _LIMIT:
        raise InputError(f"the model's environment has {len(found)} variables; SageMaker takes {_LIMIT}")
    return {name: _value(name, value) for name, value in found.items()}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the model's environment names {twice} twice")
    return found


def _value(name: str, value: Any) -> str:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InputError(
            f"the model's environment has a variable {name[:80]!r}: names are letters, digits and underscores"
        )
    if not isinstance(value, str):
        raise InputError(f"the model's environment has {name}={json.dumps(value)[:80]}: values are strings, {_EXAMPLE}")
    if len(value) > _LONGEST:
        raise InputError(f"the model's environment has {len(value)} characters in {name}; SageMaker takes {_LONGEST}")
    return value
