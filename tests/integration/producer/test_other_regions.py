"""A bucket in another region than the stack is read: S3 redirects, and botocore goes where it says."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from urllib3 import HTTPResponse

from tailrace.aws.connections import Boto3Connection
from tailrace.sources.source import Source
from tailrace_consumers.adapters.direct_executor import DirectExecutor
from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.adapters.s3_ranges import S3Ranges
from tailrace_core.aws.calls import Call, run
from tailrace_core.aws.direct.requests import OtherRegionError
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import PermanentError
from tailrace_core.objects.listing import list_sources
from tailrace_core.submission.remote import read_input
from tailrace_core.submission.striping.manifest import SourceObject
from tailrace_core.submission.striping.request import SourceName

BUCKET, REGION = "far", "us-west-2"
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
DATA = {"in/1.csv": b"id,x\n1,2\n", "in/2.csv": b"id,x\n3,4\n5,6\n"}


class Redirecting:
    """S3 for requests about a bucket of one region: at other addresses it answers with a redirect."""

    def __init__(self) -> None:
        self.redirects = 0

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        address = urlsplit(request.url)
        if f".{REGION}." not in address.netloc:
            self.redirects += 1
            refused = b"" if request.method == "HEAD" else b"<Error><Code>PermanentRedirect</Code></Error>"
            return _response(request, 301, refused, {"x-amz-bucket-region": REGION})
        if "list-type" in parse_qs(address.query):
            contents = "".join(
                f"<Contents><Key>{key}</Key><Size>{len(data)}</Size><ETag>{key}</ETag></Contents>"
                for key, data in DATA.items()
            )
            return _response(request, 200, f"<ListBucketResult>{contents}</ListBucketResult>".encode())
        key = address.path.removeprefix(f"/{BUCKET}").removeprefix("/")
        headers = {"ETag": key, "Content-Length": str(len(DATA[key]))}
        body = b"" if request.method == "HEAD" else DATA[key]
        return _response(request, 200, body, headers)


def _response(
    request: AWSPreparedRequest, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> AWSResponse:
    raw = HTTPResponse(io.BytesIO(body), status=status, preload_content=False)
    every: Any = {"Content-Length": str(len(body)), **(headers or {})}
    return AWSResponse(request.url, status, every, raw)


@pytest.fixture
def answering() -> Redirecting:
    return Redirecting()


@pytest.fixture
def session(answering: Redirecting) -> boto3.Session:
    made = boto3.Session("id", "secret", region_name="eu-west-1")
    made.events.register_first("before-send.s3", answering)
    return made


@pytest.fixture
def connection(session: boto3.Session) -> Iterator[Boto3Connection]:
    made = Boto3Connection(session=session, concurrency=1)
    yield made
    made.close()


def test_a_client_reads_it_as_any_other(connection: Boto3Connection, answering: Redirecting) -> None:
    assert [each.key for each in connection.objects.sources(BUCKET, "in/", None)] == list(DATA)
    # The second read of a kind would go out by itself, to the address that the first one came to.
    with Source.open([f"s3://{BUCKET}/in/2.csv"], header=HeaderPolicy.STRIP, s3=connection.objects) as source:
        assert b"".join(source.blocks()) == b"3,4\n5,6\n"
    assert answering.redirects == 1


@pytest.mark.parametrize("name", [SourceName(bucket=BUCKET, key="in/", is_prefix=True),
                                  SourceName(bucket=BUCKET, key="in/1.csv")], ids=["prefix", "object"])  # fmt: skip
def test_the_start_of_a_remote_job_reads_the_head_there(connection: Boto3Connection, name: SourceName) -> None:
    assert run(read_input([name], HeaderPolicy.STRIP), connection.execute).columns == ("id", "x")


def test_functions_list_and_read_it_and_ask_directly_once(session: boto3.Session, answering: Redirecting) -> None:
    direct: list[str] = []

    def call_directly(call: Call, _: Any) -> Any:
        direct.append(call.operation)
        raise OtherRegionError

    by_botocore = BotocoreExecutor(
        lambda service: session.client(service, config=Config(retries={"total_max_attempts": 1}))
    )
    execute = DirectExecutor(KEYS | {"AWS_DEFAULT_REGION": "eu-west-1"}, call=call_directly, by_botocore=by_botocore)
    listed = run(list_sources(BUCKET, "in/"), execute)
    found = [SourceObject(bucket=BUCKET, key=each.key, size_bytes=each.size_bytes, etag=each.etag) for each in listed]
    assert [b"".join(S3Ranges(execute).open(each, 0, None)) for each in found] == list(DATA.values())
    assert (len(direct), answering.redirects) == (1, 1)


def test_where_an_address_of_ones_own_leads_elsewhere_the_error_names_the_region(session: boto3.Session) -> None:
    connection = Boto3Connection(session=session, endpoint_url="http://127.0.0.1:1", concurrency=1)
    for call in (
        Call("s3", "list_objects_v2", {"Bucket": BUCKET}),
        Call("s3", "head_object", {"Bucket": BUCKET, "Key": "k"}),
    ):
        with pytest.raises(PermanentError, match=r"the bucket lies in us-west-2, and the address that was called"):
            connection.execute(call)
    connection.close()
