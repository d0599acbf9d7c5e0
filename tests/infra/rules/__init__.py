"""Structural rules for what linters do not check: each takes a template and yields its violations as text."""

from __future__ import annotations

from collections.abc import Iterable

from tests.infra.rules import (
    endpoints,
    functions,
    keys,
    platform,
    queues,
    resource_policies,
    roles,
    spelling,
    storage,
)
from tests.infra.rules.shapes import Rule
from tests.infra.templates import Template

# For every stack, whatever its parameters.
ALWAYS: tuple[Rule, ...] = (
    *queues.RULES,
    *resource_policies.RULES,
    *storage.RULES,
    *roles.RULES,
    *functions.RULES,
    *keys.RULES,
    *endpoints.RULES,
)
# For a stack with all options for platform requirements.
HARDENED: tuple[Rule, ...] = (*keys.HARDENED, *platform.HARDENED, *endpoints.HARDENED)
# For a template before its parameters are filled in.
SPELLING: tuple[Rule, ...] = spelling.RULES
RULES: tuple[Rule, ...] = (*ALWAYS, *HARDENED, *SPELLING)


def findings(rules: Iterable[Rule], template: Template) -> list[str]:
    """Return the violations of some rules in a template."""
    return [f"{rule.__name__}: {finding}" for rule in rules for finding in rule(template)]
