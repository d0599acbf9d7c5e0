"""The local cloud beside a browser: pages of other origins can neither command it nor read from it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from tailrace_local.testing import RunningCloud, bare_cloud
from tests.browser import Browser, Site, find_browser
from tests.tools import skipped_without_tools

pytestmark = pytest.mark.cloud

# Requests that a browser sends without asking first ("simple" ones). Their answers may be hidden
# from the page; their effects are what matters.
ATTACK = """
const urls = %s;
const tried = [];
for (const [at, url] of urls.entries()) {
  const body = new URLSearchParams({Action: 'CreateQueue', Version: '2012-11-05', QueueName: '%s-' + at});
  const sent = [
    fetch(url + '/', {method: 'POST', mode: 'no-cors', body}),
    fetch(url + '/', {method: 'POST', mode: 'no-cors', headers: {'content-type': 'text/plain'}, body: body.toString()}),
    fetch(url + '/_tailrace/pace', {method: 'PUT', body: '{"time_scale": 0.5}'}),
    fetch(url + '/_tailrace/status').then(answer => answer.text()),
  ];
  tried.push((await Promise.allSettled(sent)).map(one => one.status === 'fulfilled' ? String(one.value) : 'failed'));
}
return tried;
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def cloud(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    state = tmp_path_factory.mktemp("pages") / "state"
    with skipped_without_tools(), bare_cloud(state, tls=True, allowed_origins=[site.origin("friend")]) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    return Browser(find_browser(), tmp_path_factory.mktemp("profile"))


def queues(cloud: RunningCloud, prefix: str) -> list[str]:
    return list(cloud.client("sqs").list_queues(QueueNamePrefix=prefix).get("QueueUrls", []))


def attack(cloud: RunningCloud, prefix: str) -> str:
    return ATTACK % (json.dumps([cloud.facts.own_url, cloud.endpoint_url]), prefix)


def test_a_page_of_another_origin_has_no_effect_and_reads_nothing(
    cloud: RunningCloud, site: Site, browser: Browser
) -> None:
    tried = site.visit(browser, "evil", attack(cloud, "evil"))
    assert len(tried) == 2
    assert queues(cloud, "evil") == []
    assert all(one[2:] == ["failed", "failed"] for one in tried), tried


def test_a_page_whose_origin_was_named_at_the_start_can_do_both(
    cloud: RunningCloud, site: Site, browser: Browser
) -> None:
    tried = site.visit(browser, "friend", attack(cloud, "friend"))
    assert len(queues(cloud, "friend")) == 2
    # The page may read, and still changes nothing of the cloud itself without the token.
    assert all('"stacks"' in one[3] for one in tried), tried


def test_a_name_that_was_rebound_to_the_loopback_address_reads_nothing(cloud: RunningCloud, browser: Browser) -> None:
    port = cloud.facts.own_url.rpartition(":")[2]
    assert '"stacks"' in browser.text(f"http://127.0.0.1:{port}/_tailrace/status")
    shown = browser.text(f"http://rebound.example:{port}/_tailrace/status")
    assert "Refused" in shown
    assert '"stacks"' not in shown


def test_a_page_kept_in_a_bucket_cannot_act_as_the_cloud(cloud: RunningCloud, browser: Browser) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="pages", CreateBucketConfiguration={"LocationConstraint": cloud.region})
    body = b"<!doctype html><body>as written<script>document.body.textContent = 'the script ran'</script></body>"
    s3.put_object(Bucket="pages", Key="page.html", Body=body, ContentType="text/html")
    shown = browser.text(f"{cloud.facts.own_url}/pages/page.html")
    assert "as written" in shown
    assert "<body>the script ran" not in shown
