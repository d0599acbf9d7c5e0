"""A function's specification, read from its deployed configuration."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FunctionSpec:
    """One version of one function. Two equal specifications may share warm workers."""

    name: str
    version: str
    arn: str
    handler: str
    runtime: str
    role: str
    timeout_s: float
    memory_mb: int
    region: str
    log_group: str
    code_sha256: str
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, record: dict[str, Any]) -> FunctionSpec:
        """Read MiniStack's record of a function."""
        config = record.get("config") or record
        arn = ":".join(str(config["FunctionArn"]).split(":")[:7])
        name = str(config["FunctionName"])
        return cls(
            name=name,
            version=str(config.get("Version", "$LATEST")),
            arn=arn,
            handler=str(config["Handler"]),
            runtime=str(config.get("Runtime", "")),
            role=str(config["Role"]),
            timeout_s=float(config.get("Timeout", 3)),
            memory_mb=int(config.get("MemorySize", 128)),
            region=arn.split(":")[3],
            log_group=str((config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"),
            code_sha256=str(config.get("CodeSha256", "")),
            variables={
                str(key): str(value)
                for key, value in ((config.get("Environment") or {}).get("Variables") or {}).items()
            },
        )

    @property
    def key(self) -> tuple[str, str]:
        """The identity, which an update keeps."""
        return self.arn, self.version

    @property
    def fingerprint(self) -> str:
        """A hash of everything: warm workers of another fingerprint must not serve the function."""
        return hashlib.sha256(json.dumps(vars(self), sort_keys=True).encode()).hexdigest()
