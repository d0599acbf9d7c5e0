"""Credentials of roles, renewed before they expire."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from tailrace_local.cloud.ministack.identities import Session

LIFETIME_S = 6 * 3600.0
# More than a worker needs: it keeps the credentials in its environment, and is replaced after an
# hour.
RENEW_BEFORE_S = 2 * 3600.0


class SessionSource(Protocol):
    """Makes sessions of roles."""

    def assume(self, role_arn: str, session_name: str, *, duration_s: float) -> Session:
        """Return a session of the role that is valid for `duration_s`."""
        ...


class RoleCredentials:
    """One session for each role and session name."""

    def __init__(self, source: SessionSource, *, now: Callable[[], float] = time.time) -> None:
        self._source = source
        self._now = now
        self._sessions: dict[tuple[str, str], Session] = {}
        self._lock = threading.Lock()

    def session(self, role_arn: str, session_name: str) -> Session:
        """Return a session that is valid for at least RENEW_BEFORE_S."""
        key = (role_arn, session_name[:64])
        with self._lock:
            found = self._sessions.get(key)
            if found is None or found.expires - self._now() < RENEW_BEFORE_S:
                found = self._source.assume(*key, duration_s=LIFETIME_S)
                self._sessions[key] = found
            return found

    def environment(self, role_arn: str, session_name: str) -> Mapping[str, str]:
        """Return the session as the environment variables that AWS's SDKs read."""
        session = self.session(role_arn, session_name)
        return {
            "AWS_ACCESS_KEY_ID": session.access_key,
            "AWS_SECRET_ACCESS_KEY": session.secret_key,
            "AWS_SESSION_TOKEN": session.token,
        }
