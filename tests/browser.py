"""A real browser, and a web site whose pages report to the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser as ControlledBrowser

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_WAIT_S = 180.0


def find_browser() -> str:
    """Return Chromium's path; without one, skip the test, or fail it in CI."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a browser: none of {', '.join(_NAMES)} is installed")
        pytest.skip("no Chromium is installed")
    return found


@contextmanager
def controlled_browser() -> Iterator[ControlledBrowser]:
    """Start a Chromium whose pages a test controls by Playwright.

    Playwright's event loop counts as running in this thread until the block ends, so no other may
    run meanwhile: close it with the module.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - slow to import

    path = find_browser()
    with sync_playwright() as playwright:
        # Chromium refuses to run as root with its sandbox.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Browser:
    """Headless Chromium. Every name below `example` resolves to the loopback address."""

    def __init__(self, path: str, profile: Path) -> None:
        self._argv = [
            path,
            "--headless=new",
            # Chromium refuses to run as root with its sandbox.
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--no-proxy-server",
            "--ignore-certificate-errors",
            f"--user-data-dir={profile}",
            "--host-resolver-rules=MAP *.example 127.0.0.1",
        ]

    @contextmanager
    def open(self, url: str) -> Iterator[None]:
        """Show a page until the block ends."""
        argv = [*self._argv, "--remote-debugging-port=0", url]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                yield
            finally:
                process.kill()

    def text(self, url: str) -> str:
        """Return the document that a page shows."""
        argv = [*self._argv, "--dump-dom", url]
        return subprocess.run(argv, capture_output=True, text=True, timeout=_WAIT_S, check=True).stdout


class Site(ThreadingHTTPServer):
    """A web site with one page, whose script posts what it found."""

    daemon_threads = True

    def __init__(self) -> None:
        self.script = ""
        self._reported = threading.Event()
        self._report: Any = None
        super().__init__(("127.0.0.1", 0), _SiteHandler)

    def origin(self, name: str) -> str:
        """Return the site's origin by one of its names."""
        return f"http://{name}.example:{self.server_address[1]}"

    def visit(self, browser: Browser, name: str, script: str) -> Any:
        """Show the page under a name; return what its script, an async function's body, returned."""
        self.script = script
        self._reported.clear()
        with browser.open(f"{self.origin(name)}/"):
            assert self._reported.wait(_WAIT_S), f"the page of {name} reported nothing within {_WAIT_S} s"
        return self._report

    def report(self, content: bytes) -> None:
        """Take a page's report."""
        self._report = json.loads(content)
        self._reported.set()


class _SiteHandler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        page = (
            "<!doctype html><script>(async () => {" + self.server.script + "})()"
            ".catch(error => 'failed: ' + error)"
            ".then(found => fetch('/report', {method: 'POST', body: JSON.stringify(found)}))</script>"
        )
        self._send(page.encode())

    def do_POST(self) -> None:
        self.server.report(self.rfile.read(int(self.headers["content-length"])))
        self._send(b"")

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""
