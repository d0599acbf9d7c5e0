"""`tailrace score` against endpoints of the emulator: real-time, serverless, and those that it refuses."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import boto3
import pytest

import tailrace
from tailrace_core.errors import InputError

from .cloud import ACCOUNT, REGION, Lab
from .conftest import MakeLab

ROWS = range(40)
TEXT = b"id,x\n" + b"".join(b"r%d,%d\n" % (row, row) for row in ROWS)
RESULT = b"id,prediction\n" + b"".join(b"r%d,%d\n" % (row, 2 * row) for row in ROWS)


def score(lab: Lab, endpoint: str, text: bytes = TEXT, **options: Any) -> tuple[tailrace.Scored, bytes]:
    session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test", region_name=REGION)
    output = io.BytesIO()
    done = tailrace.score(
        text,
        endpoint=endpoint,
        output=output,
        session=session,
        endpoint_url=lab.running.url,
        keep="id",
        chunk_rows=10,
        **options,
    )
    return done, output.getvalue()


def test_a_real_time_endpoint_scores_a_file(lab: Lab) -> None:
    done, output = score(lab, lab.endpoint(lab.config(lab.model())))
    assert output == RESULT
    assert (done.rows_scored, done.rows_rejected, done.requests) == (40, 0, 4)


def test_a_row_that_breaks_the_container_costs_a_row(lab: Lab, tmp_path: Path) -> None:
    """The container drops the connection, which says nothing about a row by itself."""
    text = TEXT.replace(b"r13,13\n", b"r13,n/a\n")
    rejects = tmp_path / "rejects.csv"
    name = lab.endpoint(lab.config(lab.model()))
    done, output = score(lab, name, text, max_attempts=1, rejects=rejects)
    assert output == RESULT.replace(b"r13,26\n", b"r13,\n")
    assert done.rows_rejected == 1
    assert rejects.read_text().splitlines()[1].startswith("13,")


def test_a_serverless_endpoint_gets_no_more_requests_than_it_takes(make_lab: MakeLab) -> None:
    """One at a time: it throttles every other, and none had to be repeated."""
    lab = make_lab(serverless_cold_start_s=0.0)
    name = f"config-{lab.id}"
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": lab.model(),
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
    }
    lab.sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    done, output = score(lab, lab.endpoint(name), concurrency=8)
    assert output == RESULT
    assert (done.requests, done.retries) == (4, 0)


def test_an_asynchronous_endpoint_is_refused_with_the_command_that_takes_it(lab: Lab) -> None:
    name = lab.endpoint(lab.config(lab.model(), asynchronous=lab.async_config()))
    with pytest.raises(InputError, match=r"is asynchronous.*tailrace submit"):
        score(lab, name)


def test_an_endpoint_that_is_not_there_is_refused(lab: Lab) -> None:
    with pytest.raises(InputError, match="is not there"):
        score(lab, "nowhere")
