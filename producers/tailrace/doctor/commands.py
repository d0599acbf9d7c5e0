"""Commands for a shell, with the options that lead to the same account and stack."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Commands:
    """Writes commands of the AWS CLI and of ``tailrace``."""

    aws_options: Mapping[str, str | None] = field(default_factory=dict)
    """``--profile``, ``--region`` and ``--endpoint-url``, where the caller named them."""
    stack: str | None = None

    def aws(self, *words: str) -> str:
        """Return a command of the AWS CLI, quoted for a shell."""
        return shlex.join(["aws", *words, *_given(self.aws_options)])

    def tailrace(self, *words: str) -> str:
        """Return a command of ``tailrace``, quoted for a shell."""
        return shlex.join(["tailrace", *words, *_given({"--stack": self.stack, **self.aws_options})])


def _given(options: Mapping[str, str | None]) -> list[str]:
    return [word for name, value in options.items() if value for word in (name, value)]
