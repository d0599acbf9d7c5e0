"""The environment variables that MiniStack reads when it is imported, and its ASGI application."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tailrace_local.cloud.ministack.patching import require_pinned_version
from tailrace_local.emulator_base.asgi import App


@dataclass(frozen=True)
class Environment:
    """One cloud's settings, as MiniStack's variables."""

    port: int
    region: str
    account_id: str
    temporary: Path
    enforce_iam: bool
    secret_access_key: str = "local"  # noqa: S105 - without IAM, any secret will do
    ca_bundle: str | None = None

    def apply(self) -> None:
        """Set the variables of this process.

        Raises:
            RuntimeError: MiniStack was imported already, and has read them.
        """
        if "ministack.app" in sys.modules:
            raise RuntimeError(
                "ministack.app was imported before its environment was set: call Environment.apply first"
            )
        os.environ.update(
            {
                "BIND_HOST": "127.0.0.1",
                "MINISTACK_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(self.port),
                "MINISTACK_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region,
                "MINISTACK_ACCOUNT_ID": self.account_id,
                "IOT_MTLS_ENABLED": "0",
                "SFTP_ENABLED": "0",
                "PERSIST_STATE": "0",
                "LAMBDA_EXECUTOR": "local",
                "AUTH": str(self.enforce_iam).lower(),
                "TMPDIR": str(self.temporary),
                "AWS_ENDPOINT_URL": f"{'https' if self.ca_bundle else 'http'}://127.0.0.1:{self.port}",
                **({"USE_SSL": "1", "AWS_CA_BUNDLE": self.ca_bundle} if self.ca_bundle else {}),
                "AWS_ACCESS_KEY_ID": self.account_id,
                "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            }
        )
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE"):
            os.environ.pop(name, None)


def load_application() -> App:
    """Import MiniStack and return its ASGI application. The environment has to be set.

    Raises:
        MiniStackMismatchError: another version than the pinned one is installed.
    """
    require_pinned_version()
    application: App = importlib.import_module("ministack.app").app
    return application
