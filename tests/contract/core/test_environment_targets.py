"""Targets by the environment alone: the addresses and requests of botocore, or none."""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.httpsession import get_cert_path
from botocore.loaders import Loader
from botocore.session import Session

from tailrace.aws.request_patterns import SentRequest
from tailrace_core.aws.calls import Call
from tailrace_core.aws.direct.caller import Target
from tailrace_core.aws.direct.environment import EnvironmentTargets
from tailrace_core.aws.direct.operations import OPERATIONS
from tailrace_core.aws.direct.requests import HttpResponse
from tailrace_core.aws.direct.signing import Credentials
from tailrace_core.aws.retrying import RetryPolicy
from tests.contract.core.test_direct_requests import KNOWN, Botocore

PLAIN = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-west-1"}
PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
SERVICES = ("dynamodb", "s3", "sagemaker-runtime", "sns", "sqs")
BUCKETS = ("plain-1", "with.dots", "UPPER_old", "a" * 63)
SENT: dict[str, Call] = {
    "dynamodb": Call("dynamodb", "query", {"TableName": "table", "KeyConditionExpression": "é"}),
    "s3": Call("s3", "put_object", {"Bucket": "plain-1", "Key": "a b/ü", "Body": b"x", "ChecksumCRC32": "AAAAAA=="}),
    "sagemaker-runtime": Call(
        "sagemaker-runtime", "invoke_endpoint_async", {"EndpointName": "e", "InputLocation": "s3://b/a b"}
    ),
    "sns": Call(
        "sns",
        "publish",
        {
            "TopicArn": "arn:aws:sns:eu-west-1:1:t",
            "Message": 'é & "x"',
            "MessageAttributes": {"a": {"DataType": "String", "StringValue": "b c"}},
        },
    ),
    "sqs": Call("sqs", "send_message", {"QueueUrl": "https://sqs/1/q", "MessageBody": "é", "DelaySeconds": 3}),
}
BATCH = Call(
    "sns",
    "publish_batch",
    {
        "TopicArn": "arn:aws:sns:eu-west-1:1:t",
        "PublishBatchRequestEntries": [
            {"Id": "0", "Message": "m", "MessageAttributes": {"a": {"DataType": "String", "StringValue": "b"}}},
            {"Id": "1", "Message": "n"},
        ],
    },
)


@functools.cache
def rules(service: str) -> EndpointProvider:
    loader = Loader()
    partitions = loader.load_data("partitions")
    return EndpointProvider(loader.load_service_model(service, "endpoint-rule-set-1"), partitions)


def target(call: Call, **changed: str) -> Target | None:
    return EnvironmentTargets({**PLAIN, **changed}, "tailrace").find(call)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_addresses_are_those_of_botocores_rules_in_every_region(partition: str) -> None:
    regions = Session().get_available_regions("dynamodb", partition)
    assert len(regions) > 1
    for region in regions:
        for service in SERVICES:
            for bucket in BUCKETS if service == "s3" else ("",):
                where: dict[str, Any] = {"Region": region, "UseFIPS": False, "UseDualStack": False}
                call = SENT[service]
                if bucket:
                    where |= {"Bucket": bucket, "UseGlobalEndpoint": region == "us-east-1"}
                    call = Call("s3", "put_object", {**call.params, "Bucket": bucket})
                expected = urlsplit(rules(service).resolve_endpoint(**where).url)
                found = target(call, AWS_DEFAULT_REGION=region)
                assert found is not None
                assert (found.host, found.base) == (expected.netloc, expected.path), (service, region)
                assert (found.origin.port, found.origin.ca_file is not None) == (443, True)


@pytest.mark.parametrize("region", ["us-iso-east-1", "eusc-de-east-1", "eu-isoe-west-1", "moon-1", "aws-global", ""])
def test_a_region_of_another_partition_needs_botocore(region: str) -> None:
    assert target(SENT["dynamodb"], AWS_DEFAULT_REGION=region) is None


@pytest.mark.parametrize("call", [*SENT.values(), BATCH], ids=lambda call: call.operation)
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "cn-north-1"])
@pytest.mark.parametrize("address", [None, "http://127.0.0.1:4566"])
def test_requests_are_those_of_botocore(call: Call, region: str, address: str | None) -> None:
    theirs = botocore(call.service, region, address)
    xml = b"<R><PublishResult><MessageId>m</MessageId></PublishResult><PublishBatchResult/></R>"
    body = {"s3": b"", "sns": xml}.get(call.service, b"{}")
    theirs.call(call, HttpResponse(200, {}, body), Credentials("id", "s", "token"))
    sent = SentRequest.of(theirs.request)
    found = target(call, AWS_DEFAULT_REGION=region, **({"AWS_ENDPOINT_URL": address} if address else {}))
    assert found is not None
    request, headers = found.signed(call, Credentials("id", "s", "token"), sent.at)
    assert (request.method, found.host, request.path) == (sent.method, sent.host, sent.path)
    assert (request.query, bytes(request.body)) == (sent.query, sent.body)
    unsent = {"amz-sdk-invocation-id", "amz-sdk-request", "content-length", "expect", "user-agent"}
    assert {**headers, "host": "", "user-agent": ""} == {
        "host": "",
        "user-agent": "",
        **{name: value for name, value in sent.headers.items() if name not in unsent},
    }


@functools.cache
def botocore(service: str, region: str, address: str | None) -> Botocore:
    return Botocore(service, region, address)


PUBLISHED = (
    b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-1</MessageId>'
    b"</PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>"
)
BATCH_PUBLISHED = (
    b'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Successful><member>'
    b"<Id>0</Id><MessageId>m</MessageId></member></Successful><Failed><member><Id>1</Id><Code>InternalError</Code>"
    b"<Message>a &lt; b</Message><SenderFault>false</SenderFault></member></Failed></PublishBatchResult>"
    b"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishBatchResponse>"
)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (SENT["sns"], PUBLISHED),
        (BATCH, BATCH_PUBLISHED),
        (SENT["sqs"], b'{"MessageId": "m", "MD5OfMessageBody": "x"}'),
    ],
    ids=["publish", "publish_batch", "send_message"],
)
def test_answers_are_those_of_botocore(call: Call, body: bytes) -> None:
    response = HttpResponse(200, {}, body)
    theirs = botocore(call.service, "eu-west-1", None).call(call, response)
    theirs.pop("ResponseMetadata")
    assert OPERATIONS[call.service, call.operation].parse(response) == theirs


@pytest.mark.parametrize(
    "changed",
    [
        {"AWS_PROFILE": "p"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"},
        {"AWS_ENDPOINT_URL": "https://gateway.example"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/base"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2"},
        {"AWS_ACCOUNT_ID": "123456789012"},
        {"HTTPS_PROXY": "http://proxy:3128"},
        {"https_proxy": "http://proxy:3128", "no_proxy": "other.example"},
        {"AWS_CONFIG_FILE": __file__},
    ],
)
def test_what_changes_requests_in_another_way_needs_botocore(changed: dict[str, str]) -> None:
    assert all(target(call) for call in SENT.values())
    assert target(SENT["s3"], **changed) is None


def test_a_proxy_that_is_not_for_a_host_is_not_used() -> None:
    proxy = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,.amazonaws.com"}
    found = target(SENT["s3"], **proxy)
    assert found is not None
    assert found.host == "plain-1.s3.eu-west-1.amazonaws.com"


def test_credentials_are_read_for_each_request() -> None:
    environment = dict(PLAIN)
    targets = EnvironmentTargets(environment, "tailrace")
    assert targets.credentials() == KNOWN
    environment |= {"AWS_ACCESS_KEY_ID": "new", "AWS_SESSION_TOKEN": "token"}
    assert targets.credentials() == Credentials("new", "secret", "token")


def test_authorities_are_those_of_the_environment_or_botocores() -> None:
    found = [
        target(SENT["dynamodb"], **changed)
        for changed in ({}, {"REQUESTS_CA_BUNDLE": "a.pem"}, {"REQUESTS_CA_BUNDLE": "a.pem", "AWS_CA_BUNDLE": "b.pem"})
    ]
    assert [each and each.origin.ca_file for each in found] == [get_cert_path(verify=True), "a.pem", "b.pem"]


def test_the_header_of_lambdas_recursion_detection_goes_along() -> None:
    in_lambda = {**PLAIN, "AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": "Root=1-5e;Parent=ü;Lineage=a:1"}
    assert EnvironmentTargets(in_lambda, "").trace_headers() == {
        "x-amzn-trace-id": "Root=1-5e;Parent=%C3%BC;Lineage=a:1"
    }
    assert EnvironmentTargets(PLAIN, "").trace_headers() == {}


def test_the_retries_are_those_of_botocores_standard_mode() -> None:
    from botocore.retries.standard import ExponentialBackoff, RetryContext  # noqa: PLC0415

    from tailrace_consumers.adapters.direct_executor import STANDARD_RETRIES  # noqa: PLC0415
    from tailrace_core.errors import TransientError  # noqa: PLC0415

    theirs = ExponentialBackoff(random=lambda: 0.7)
    assert isinstance(STANDARD_RETRIES, RetryPolicy)
    waits = [STANDARD_RETRIES.wait_s(failed, TransientError(""), 0.7) for failed in (1, 2, 3)]
    assert waits == [*(theirs.delay_amount(RetryContext(attempt_number=n)) for n in (1, 2)), None]
