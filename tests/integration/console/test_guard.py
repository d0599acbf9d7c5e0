"""The requests that come in, and those that do not: sent by hand, and by a page of another origin."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import pytest

from tailrace.console.server import ConsoleServer
from tests.browser import Browser, Site, find_browser
from tests.integration.console.stack import BIG, Stack, big_job, console

FORM = {"content-type": "application/x-www-form-urlencoded"}
PATHS = ("/", "/jobs", f"/jobs/{BIG}", "/live?page=jobs", "/static/console.js", f"/cancel?job={BIG}", "/nothing")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


class Program:
    """Sends requests with the headers of a browser's own page, unless told otherwise."""

    def __init__(self, server: ConsoleServer) -> None:
        self.session = server.session
        self.cookie: str | None = None

    def send(self, path: str, method: str = "GET", body: str | None = None, **headers: str | None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.session.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        every = {"cookie": self.cookie, **(FORM if body is not None else {}), **named}
        connection.putrequest(method, path, skip_host="host" in named, skip_accept_encoding=True)
        for name, value in every.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(None if body is None else body.encode())
        found = connection.getresponse()
        answer = Answer(
            found.status, {name.lower(): value for name, value in found.getheaders()}, found.read().decode()
        )
        connection.close()
        return answer

    def open(self) -> Answer:
        address = urlsplit(self.session.url)
        answer = self.send(f"{address.path}?{address.query}")
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer


@pytest.fixture(scope="module")
def stack() -> Stack:
    made = Stack()
    big_job(made, BIG, 10)
    return made


@pytest.fixture
def program(stack: Stack) -> Iterator[Program]:
    with console(stack.cloud, write=True) as server:
        yield Program(server)


def cancel(program: Program, **headers: str | None) -> Answer:
    fields = {"form_token": program.session.form_token, "count": "0", "note": "n", "confirm": "no"}
    return program.send(f"/cancel?job={BIG}", "POST", urlencode(fields), **headers)


def test_the_token_buys_one_session_once(program: Program) -> None:
    answer = program.open()
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    assert program.send("/").status == 200
    other = Program.__new__(Program)
    other.session, other.cookie = program.session, None
    address = urlsplit(program.session.url)
    again = other.send(f"{address.path}?{address.query}")
    assert again.status == 401
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize("path", PATHS)
def test_without_a_session_every_path_is_401(program: Program, path: str) -> None:
    assert program.send(path).status == 401
    assert program.send(path, cookie=f"{program.session.cookie_name}=guess").status == 401
    assert program.send("/?token=guess").status == 401


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:{port}", "localhost:{port}", "127.0.0.1", ""])
def test_a_forged_host_is_400_with_and_without_a_session(program: Program, host: str) -> None:
    named = host.format(port=program.session.port)
    assert program.send("/", host=named).status == 400
    program.open()
    assert program.send("/", host=named).status == 400


@pytest.mark.parametrize("origin", ["http://attacker.example", "null", "http://127.0.0.1:1", None])
def test_a_foreign_origin_is_403(program: Program, origin: str | None) -> None:
    program.open()
    assert cancel(program, origin=origin).status == 403
    assert cancel(program, origin=program.session.origin).status == 409


def test_a_page_of_another_site_may_not_even_look(program: Program) -> None:
    program.open()
    assert program.send("/", sec_fetch_site="cross-site").status == 403
    assert program.send("/", sec_fetch_site="same-site").status == 403
    assert program.send("/", sec_fetch_site="same-origin").status == 200


def test_a_form_needs_its_token_and_its_type(program: Program) -> None:
    program.open()
    own = {"origin": program.session.origin}
    forged = urlencode({"form_token": "guess", "count": "0", "confirm": "cancel"})
    assert program.send(f"/cancel?job={BIG}", "POST", forged, **own).status == 403
    assert program.send(f"/cancel?job={BIG}", "POST", "{}", content_type="text/plain", **own).status == 415
    assert program.send(f"/cancel?job={BIG}", "POST", "x" * 1_100_000, **own).status == 413


def test_every_answer_binds_the_browser(program: Program) -> None:
    refused = program.send("/")
    program.open()
    nonces = set()
    for answer in (refused, program.send("/"), program.send("/static/console.css"), program.send("/nothing")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        nonces.add(policy)
    assert len(nonces) == 4


def test_without_write_there_is_nothing_to_post_to(stack: Stack) -> None:
    with console(stack.cloud) as server:
        program = Program(server)
        program.open()
        for act in ("redrive", "discard", "edit", "cancel"):
            assert program.send(f"/{act}?job={BIG}").status == 404
        assert cancel(program, origin=program.session.origin).status == 404
        assert "Redrive" not in program.send("/").text


def test_a_page_of_another_origin_reads_and_changes_nothing(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    browser = Browser(find_browser(), tmp_path_factory.mktemp("profile"))
    with console(stack.cloud, write=True) as server, Site() as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        url = f"{server.session.origin}/cancel?job={BIG}"
        script = f"""
            const body = new URLSearchParams({{confirm: 'cancel', count: '0'}});
            await fetch('{url}', {{method: 'POST', mode: 'no-cors', body}}).catch(() => null);
            const read = await fetch('{server.session.origin}/').then(answer => answer.text()).catch(() => 'failed');
            const image = await new Promise(done => {{
              const one = new Image();
              one.onload = () => done('loaded'); one.onerror = () => done('failed');
              one.src = '{server.session.origin}/static/icon.svg';
            }});
            return [read, image];
        """
        assert site.visit(browser, "evil", script) == ["failed", "failed"]
        site.shutdown()
        thread.join()
