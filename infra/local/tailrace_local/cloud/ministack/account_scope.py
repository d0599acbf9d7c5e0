"""The account and region that a thread speaks for: MiniStack keeps its records apart by them."""

from __future__ import annotations

from tailrace_local.cloud.ministack.patching import PrivateModule

_RESPONSES = PrivateModule(
    "ministack.core.responses", "set_request_account_id(access_key_id)", "set_request_region(region)"
)


class AccountScope:
    """One account and region."""

    def __init__(self, region: str, account_id: str) -> None:
        self._region = region
        self._account_id = account_id
        self._responses = _RESPONSES.load()

    def enter(self) -> None:
        """Have the current thread speak for them."""
        self._responses.set_request_account_id(self._account_id)
        self._responses.set_request_region(self._region)
