"""botocore's clients equal boto3's, and need fewer imports."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import UnknownServiceError

from tailrace_consumers.adapters import clients
from tailrace_consumers.runtime.batches import CONCURRENCY

REGION = "cn-north-1"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
    ):
        monkeypatch.setenv(name, value)
    clients.session.cache_clear()
    yield
    clients.session.cache_clear()


@pytest.mark.parametrize("service", clients.SERVICES)
def test_a_client_is_the_one_that_boto3_makes(service: str) -> None:
    ours, theirs = clients.default_client(service), boto3.Session(region_name=REGION).client(service)
    for each in (ours, theirs):
        each.close()
    assert ours.meta.endpoint_url == theirs.meta.endpoint_url
    assert ours.meta.service_model.signing_name == theirs.meta.service_model.signing_name
    assert ours.meta.config.signature_version == theirs.meta.config.signature_version
    assert ours.meta.method_to_api_mapping == theirs.meta.method_to_api_mapping


def test_clients_of_a_process_share_a_session() -> None:
    one, other = clients.default_client("s3"), clients.default_client("sqs")
    assert one._request_signer._credentials is other._request_signer._credentials


def test_a_service_that_is_not_foreseen_is_refused_by_name() -> None:
    with pytest.raises(UnknownServiceError, match=r"kinesis.*dynamodb, s3"):
        clients.default_client("kinesis")


def test_every_call_ends_long_before_a_function_does() -> None:
    config = clients.default_client("s3").meta.config
    assert config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout) < 120


def test_every_message_of_a_batch_has_its_connections() -> None:
    """Each message reads an output and kept columns while it writes a part.

    A connection beyond the pool is not reused.
    """
    assert clients.default_client("s3").meta.config.max_pool_connections >= 3 * CONCURRENCY


def test_a_client_says_who_it_is_without_making_it_up_for_each_request() -> None:
    assert clients.default_client("sqs").meta.config.user_agent.startswith("tailrace Botocore/")
