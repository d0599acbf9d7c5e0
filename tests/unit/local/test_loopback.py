"""The rule of listeners on the loopback address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.loopback import check_origin, refusal

PORT = 4566
OWN = ["127.0.0.1:4566"]
headers = st.lists(st.text(st.characters(max_codepoint=255), max_size=30), max_size=3)


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "LOCALHOST:4566"])
def test_a_program_that_names_the_listener_may_come_in(host: str) -> None:
    assert refusal([host], [], [], port=PORT) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example:4566", "127.0.0.1", "127.0.0.1:4567", "localhost.evil.example:4566", "127.0.0.1:4566.evil.example",
     "bucket.localhost:4566", "0.0.0.0:4566", "", "127.0.0.1:4566, evil.example"],
)  # fmt: skip
def test_a_host_that_is_not_the_listener_is_refused(host: str) -> None:
    assert "Host" in (refusal([host], [], [], port=PORT) or "")


@pytest.mark.parametrize("hosts", [[], [OWN[0], OWN[0]], ["evil.example", OWN[0]]])
def test_exactly_one_host_is_expected(hosts: list[str]) -> None:
    assert refusal(hosts, [], [], port=PORT)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:3000", "http://localhost", "http://127.0.0.1:4566.evil.example"],
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    assert "--allow-origin" in (refusal(OWN, [origin], [], port=PORT) or "")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "unheard-of"])
def test_a_page_of_another_site_is_refused_where_the_browser_sends_no_origin(site: str) -> None:
    assert "Sec-Fetch-Site" in (refusal(OWN, [], [site], port=PORT) or "")


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_an_address_that_a_person_typed_and_what_its_page_loads_may_come_in(site: str) -> None:
    assert refusal(OWN, [], [site], port=PORT) is None


def test_an_origin_that_was_named_may_come_in_from_another_site() -> None:
    allowed = {"http://localhost:3000"}
    assert refusal(OWN, ["http://localhost:3000"], ["same-site"], port=PORT, allowed=allowed) is None
    assert refusal(OWN, ["http://localhost:3001"], ["same-site"], port=PORT, allowed=allowed)
    assert refusal(OWN, ["http://localhost:3000", "https://evil.example"], [], port=PORT, allowed=allowed)


@given(headers, headers, headers)
def test_nothing_comes_in_but_by_the_listeners_own_name_and_origins(
    hosts: list[str], origins: list[str], sites: list[str]
) -> None:
    own = {"127.0.0.1:4566", "localhost:4566"}
    if refusal(hosts, origins, sites, port=PORT) is None:
        assert len(hosts) == 1
        assert hosts[0].lower() in own
        assert all(origin.split("://")[1] in own for origin in origins)
        assert origins or all(site in {"none", "same-origin"} for site in sites)


@pytest.mark.parametrize(
    "text", ["*", "null", "localhost:3000", "http://", "http://*", "http://a/", "http://u@h", "ftp://a"]
)
def test_what_is_no_single_origin_cannot_be_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="http://localhost:3000"):
        check_origin(text)


def test_an_origin_is_allowed_as_browsers_spell_it() -> None:
    assert check_origin("http://LocalHost:3000") == "http://localhost:3000"
