"""In a plain environment, requests without botocore are those that botocore would send."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from tailrace.aws import plain_environment as module
from tailrace.aws.connections import client_settings, send_bodies_whole
from tailrace.aws.request_patterns import SentRequest
from tailrace_core.aws.calls import Call
from tailrace_core.aws.direct.requests import HttpResponse, NotDirectError

_STACKS = """<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>
<Stacks><member><StackName>demand &amp; co</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
<Tags><member><Key>StackName</Key><Value>other</Value></member></Tags>
<Outputs><member><OutputKey>Bucket</OutputKey><OutputValue>b</OutputValue><Description>d</Description></member>
<member><OutputValue>t</OutputValue><OutputKey>LedgerTable</OutputKey></member></Outputs>
<CreationTime>2026-01-01T00:00:00Z</CreationTime></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
_NO_OUTPUTS = """<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<DescribeStacksResult><Stacks><member><StackName>s</StackName><StackStatus>ROLLBACK_COMPLETE</StackStatus>
<CreationTime>2026-01-01T00:00:00Z</CreationTime></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::1:assumed-role/a/b</Arn><UserId>u</UserId><Account>1</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""
_ENDPOINT = '{"EndpointName": "e", "EndpointStatus": "InService", "FailureReason": "none"}'
LOOKUPS = [
    (Call("cloudformation", "describe_stacks", {"StackName": "demand/ü"}), _STACKS),
    (Call("cloudformation", "describe_stacks", {"StackName": "s"}), _NO_OUTPUTS),
    (Call("sagemaker", "describe_endpoint", {"EndpointName": "e"}), _ENDPOINT),
    (Call("sts", "get_caller_identity", {}), _IDENTITY),
]
CALLS = [
    *(call for call, _ in LOOKUPS),
    Call("dynamodb", "get_item", {"TableName": "t", "Key": {"job": {"S": "j"}}}),
    Call(
        "dynamodb",
        "transact_write_items",
        {"TransactItems": [{"Put": {"TableName": "t", "Item": {"a": {"S": "ü"}}}}], "ClientRequestToken": "token"},
    ),
    Call("s3", "put_object", {"Bucket": "a-bucket", "Key": "k/ü 1", "Body": b"1\n", "ChecksumCRC32": "AAAAAA=="}),
    Call("s3", "get_object", {"Bucket": "a-bucket", "Key": "k"}),
    Call("sagemaker-runtime", "invoke_endpoint_async", {"EndpointName": "e", "InputLocation": "s3://b/k"}),
    Call("sqs", "send_message", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q", "MessageBody": "{}"}),
]
plain_environment = functools.partial(module.plain_environment, modules=())
_VARIABLES = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Set an environment without anything special, for botocore too."""
    found = {**_VARIABLES, "HOME": str(tmp_path)}
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def by_botocore(call: Call, region: str, url: str | None, body: str = "") -> tuple[SentRequest, Any]:
    """Return the request that botocore sends for a call, and what it makes of the response."""
    body = body or {"cloudformation": _STACKS, "sts": _IDENTITY}.get(call.service, "")
    sent: list[Any] = []

    class Raw:
        def stream(self, *_: Any, **__: Any) -> Any:
            yield body.encode()

        def read(self, *_: Any, **__: Any) -> bytes:
            return b""

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), Raw())

    client = boto3.Session().client(
        call.service, region_name=region, endpoint_url=url, config=Config(**client_settings(1, url))
    )
    send_bodies_whole(client)
    client.meta.events.register_last("before-send.*.*", answer)
    found = getattr(client, call.operation)(**call.params)
    return SentRequest.of(sent[0]), found


@pytest.mark.parametrize(
    ("region", "url"), [("eu-west-1", None), ("us-east-1", None), ("eu-west-1", "http://127.0.0.1:1")]
)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.service}.{call.operation}")
def test_requests_are_those_of_botocore(call: Call, region: str, url: str | None, environ: dict[str, str]) -> None:
    plain = plain_environment(region=region, endpoint_url=url, environ=environ)
    assert plain is not None
    seen, _ = by_botocore(call, region, url)
    target = plain.target(call)
    request, headers = target.signed(call, plain.credentials, seen.at)
    assert (request.method, request.path, request.query) == (seen.method, seen.path, seen.query)
    assert (target.origin.host, target.origin.port, target.host) == (seen.name, seen.port, seen.host)
    assert bytes(request.body) == seen.body
    assert (target.origin.ca_file is not None) == seen.secure
    ignored = {"amz-sdk-invocation-id", "amz-sdk-request", "content-length", "expect", "host", "user-agent"}
    assert {n: v for n, v in headers.items() if n not in ignored} == {
        n: v for n, v in seen.headers.items() if n not in ignored
    }


@pytest.mark.parametrize(("call", "body"), LOOKUPS, ids=str)
def test_answers_hold_what_botocore_finds(call: Call, body: str, environ: dict[str, str]) -> None:
    plain = plain_environment(region="eu-west-1", endpoint_url=None, environ=environ)
    assert plain is not None
    operation = plain.target(call).operation
    assert operation is not None
    ours = operation.parse(HttpResponse(200, {}, body.encode()))
    _, theirs = by_botocore(call, "eu-west-1", None, body)
    if "Stacks" in ours:
        (stack,) = theirs["Stacks"]
        outputs = [{name: each[name] for name in ("OutputKey", "OutputValue")} for each in stack.get("Outputs", ())]
        theirs = {
            "Stacks": [{"StackName": stack["StackName"], "StackStatus": stack["StackStatus"], "Outputs": outputs}]
        }
    theirs.pop("ResponseMetadata", None)
    assert ours == theirs


@pytest.mark.parametrize(
    "special",
    [
        {"AWS_PROFILE": "p"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_ACCOUNT_ID": "1"},
        {"AWS_CREDENTIAL_EXPIRATION": "2026-01-01T00:00:00Z"},
        {"AWS_SOMETHING_NEW": "1"},
        {"https_proxy": "http://127.0.0.1:1"},
        {"AWS_CA_BUNDLE": "/nowhere"},
        {"AWS_ACCESS_KEY_ID": ""},
    ],
    ids=lambda special: next(iter(special)),
)
def test_any_special_setting_leaves_all_to_botocore(special: dict[str, str], environ: dict[str, str]) -> None:
    assert plain_environment(region="eu-west-1", endpoint_url=None, environ={**environ, **special}) is None


@pytest.mark.parametrize("region", [None, "", "cn-north-1", "us-gov-west-1", "eu-isoe-west-1", "nowhere"])
def test_other_partitions_are_botocores(region: str | None, environ: dict[str, str]) -> None:
    assert plain_environment(region=region, endpoint_url=None, environ=environ) is None


def test_a_configuration_file_is_botocores(environ: dict[str, str]) -> None:
    config = Path(environ["HOME"]) / ".aws" / "config"
    config.parent.mkdir()
    config.write_text("[default]\nregion = eu-west-1\n")
    assert plain_environment(region="eu-west-1", endpoint_url=None, environ=environ) is None
    elsewhere = {**environ, "AWS_CONFIG_FILE": "/dev/null"}
    assert plain_environment(region="eu-west-1", endpoint_url=None, environ=elsewhere) is not None


@pytest.mark.parametrize(
    "bucket", ["with.dots", "ab", "Upper", "arn:aws:s3:::x", "a--x-s3", "xn--a", "a-s3alias", "", None]
)
def test_buckets_with_other_addresses_are_botocores(bucket: str | None, environ: dict[str, str]) -> None:
    plain = plain_environment(region="eu-west-1", endpoint_url=None, environ=environ)
    assert plain is not None
    with pytest.raises(NotDirectError):
        plain.target(Call("s3", "get_object", {"Bucket": bucket, "Key": "k"}))


def test_other_calls_are_botocores(environ: dict[str, str]) -> None:
    plain = plain_environment(region="eu-west-1", endpoint_url="http://localhost:1", environ=environ)
    assert plain is not None
    for call in (Call("sqs", "receive_message", {}), CALLS[-3]):
        with pytest.raises(NotDirectError):
            plain.target(call)


def test_a_process_that_has_imported_botocore_keeps_it(environ: dict[str, str]) -> None:
    assert module.plain_environment(region="eu-west-1", endpoint_url=None, environ=environ) is None
