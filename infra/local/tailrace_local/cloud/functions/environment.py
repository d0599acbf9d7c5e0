"""The environment variables of a function's process: AWS's and its own, not the host's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tailrace_local.cloud.functions.specification import FunctionSpec

# Lambda reserves these: a function's own variables cannot override them.
_RESERVED_PREFIXES = ("AWS_LAMBDA_",)


@dataclass(frozen=True)
class WorkerEnvironment:
    """Settings that all workers of this cloud share."""

    endpoint_url: str
    ca_bundle: str | None
    temporary: Path

    def variables(
        self, spec: FunctionSpec, *, task_root: Path, runtime_api: str, log_stream: str, credentials: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the complete environment of one worker."""
        own = {key: value for key, value in spec.variables.items() if not key.startswith(_RESERVED_PREFIXES)}
        return {
            **own,
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "en_US.UTF-8",
            "TZ": own.get("TZ", ":UTC"),
            # A writable folder, in the place of AWS's /tmp.
            "TMPDIR": str(self.temporary),
            "PYTHONUNBUFFERED": "1",
            "LAMBDA_TASK_ROOT": str(task_root),
            "_HANDLER": spec.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            "AWS_REGION": spec.region,
            "AWS_DEFAULT_REGION": spec.region,
            "AWS_ENDPOINT_URL": own.get("AWS_ENDPOINT_URL", self.endpoint_url),
            # SSL_CERT_FILE is for custom resources: they answer CloudFormation at a URL of this
            # cloud.
            **({"AWS_CA_BUNDLE": self.ca_bundle, "SSL_CERT_FILE": self.ca_bundle} if self.ca_bundle else {}),
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
            "AWS_EC2_METADATA_DISABLED": "true",
            **credentials,
        }
