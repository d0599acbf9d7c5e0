"""boto3 clients at this cloud's own port, with the credentials of roles."""

from __future__ import annotations

import importlib
import threading
from typing import Any

from tailrace_local.cloud.roles.credentials import RoleCredentials


class RoleClients:
    """Clients by service, role and session name, kept while their session lives.

    Call it from worker threads only.
    """

    def __init__(self, credentials: RoleCredentials, endpoint_url: str) -> None:
        self._credentials = credentials
        self._endpoint_url = endpoint_url
        self._clients: dict[tuple[str, str, str], tuple[str, Any]] = {}
        self._lock = threading.Lock()

    def client(self, service: str, role_arn: str, session_name: str, region: str) -> Any:
        """Return a client of the service that acts as the role."""
        session = self._credentials.session(role_arn, session_name)
        key = (service, role_arn, session_name)
        with self._lock:
            known, client = self._clients.get(key, ("", None))
            if known != session.access_key:
                client = (
                    importlib.import_module("boto3")
                    .session.Session()
                    .client(
                        service,
                        endpoint_url=self._endpoint_url,
                        region_name=region,
                        aws_access_key_id=session.access_key,
                        aws_secret_access_key=session.secret_key,
                        aws_session_token=session.token,
                        config=importlib.import_module("botocore.config").Config(
                            max_pool_connections=64, connect_timeout=5, read_timeout=60, retries={"max_attempts": 2}
                        ),
                    )
                )
                self._clients[key] = (session.access_key, client)
            return client
