from __future__ import annotations

from dataclasses import dataclass

import pytest

from tailrace.connections import checked_address, client_settings, explained, region_of
from tailrace_core.errors import ConfigurationError, InputError


@dataclass(frozen=True)
class Session:
    region_name: str | None


@pytest.mark.parametrize(
    ("named", "of_session", "in_environment", "expected"),
    [
        ("a", "b", "c", "a"),
        (None, "b", "c", "b"),
        (None, None, "c", "c"),
        (None, None, "", None),
    ],
)
def test_the_region_is_the_one_named_or_the_sessions_or_that_of_aws_region(
    monkeypatch: pytest.MonkeyPatch,
    named: str | None,
    of_session: str | None,
    in_environment: str,
    expected: str | None,
) -> None:
    monkeypatch.setenv("AWS_REGION", in_environment)
    assert region_of(Session(of_session), named) == expected


@pytest.mark.parametrize("url", ["notaurl", "", "http://", "ftp://host", "http://host:port", "http://[::1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is not an address"):
        checked_address(url)


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:4566", "https://host.example/path"])
def test_an_address_passes_as_it_is(url: str | None) -> None:
    assert checked_address(url) == url


def test_advice_follows_a_message_without_its_full_stop() -> None:
    said = str(explained(ConfigurationError("You must specify a region.")))
    assert said == "You must specify a region; name one with --region (or AWS_REGION)"


@pytest.mark.parametrize(
    ("address", "signs_payload"), [(None, False), ("https://127.0.0.1:1", False), ("http://127.0.0.1:1", None)]
)
def test_over_tls_a_payload_is_not_hashed_to_be_signed_as_well(address: str | None, signs_payload: bool | None) -> None:  # noqa: FBT001 - a parameter of the test
    assert ((client_settings(1, address)["s3"] or {}).get("payload_signing_enabled")) is signs_payload
