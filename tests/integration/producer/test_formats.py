"""Jobs whose rows come from Parquet and JSON Lines, by both clients, with moto as the AWS."""

from __future__ import annotations

import asyncio
import decimal
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tests.integration.producer.stack import Pipeline
from tests.integration.producer.test_job import _establish_numbers, run

__all__ = ["run"]

_FRAME = pd.DataFrame(
    {
        "id": [f"{row:03d}" for row in range(50)],
        "x": [10 * row + 1 for row in range(50)],
        "share": [row / 7 for row in range(50)],
        "price": [decimal.Decimal(row) / 4 for row in range(50)],
        "seen": pd.date_range("2026-01-31T08:30", periods=50, freq="h", tz="UTC"),
    }
)
_KEPT = ["id", "share", "price", "seen"]
_PREDICTIONS = [float(str(x)[::-1]) for x in _FRAME["x"]]


def test_parquet_in_and_csv_and_parquet_out_are_what_pandas_reads(
    run: Callable[..., Any], stack: Pipeline, tmp_path: Path
) -> None:
    path = tmp_path / "rows.parquet"
    _FRAME.to_parquet(path, row_group_size=7)
    expected = pd.read_parquet(path)
    pd.testing.assert_frame_equal(expected, _FRAME, check_dtype=False)
    stack.client("s3").put_object(Bucket=stack.bucket, Key="in/rows.parquet", Body=path.read_bytes())

    async def operation(client: Any, wait: Any) -> None:
        for source in (path, f"s3://{stack.bucket}/in/", f"s3://{stack.bucket}/in/rows.parquet"):
            job = await wait(client.submit(source, keep=_KEPT, chunk_rows=20, progress=False))
            assert job.chunks_sent == 3
            _establish_numbers(stack, job.id)
            await asyncio.to_thread(stack.score, job.id)
            await wait(job.wait())
            await wait(job.download(tmp_path / "out.csv"))
            await wait(job.download(tmp_path / "out.parquet"))
            written = pd.read_csv(tmp_path / "out.csv", dtype={"id": str, "price": str}, parse_dates=["seen"])
            assert list(written["id"]) == list(expected["id"])
            assert list(written["share"]) == list(expected["share"])
            assert list(written["price"].map(decimal.Decimal)) == list(expected["price"])
            assert list(written["seen"]) == list(expected["seen"])
            table = pd.read_parquet(tmp_path / "out.parquet")
            assert (
                list(table["prediction"]) == list(written["prediction"]) == [float(str(x)[::-1]) for x in _FRAME["x"]]
            )
            assert list(table["id"]) == list(expected["id"])
            assert list(table["share"].astype(float)) == list(expected["share"])
            assert list(pd.to_datetime(table["seen"])) == list(expected["seen"])

    run(operation)


def test_lines_that_are_no_rows_come_back_as_they_were(
    run: Callable[..., Any], stack: Pipeline, tmp_path: Path
) -> None:
    good = [json.dumps({"id": f"{row:03d}", "x": row}) for row in range(1, 6)]
    lines = [*good[:2], '{"id": "a", "x": [1, "2"', good[2], "", '{"id": "b", "X": 1}', *good[3:]]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines))

    async def operation(client: Any, wait: Any) -> None:
        job = await wait(client.submit(path, keep="id", chunk_rows=3, progress=False))
        await asyncio.to_thread(stack.score, job.id)
        assert (await wait(job.wait())).rows_rejected == 2
        for source in (None, path):
            found = client.rejects(job.id, source=source)
            rejects = [each async for each in found] if hasattr(found, "__aiter__") else list(found)
            # The blank line is no row.
            assert [each.row for each in rejects] == [2, 4]
            assert [each.record for each in rejects] == [
                b'"' + lines[at].replace('"', '""').encode() + b'"' for at in (2, 5)
            ]
            assert rejects[1].reason == 'unknown key "X"'
        await wait(job.download(tmp_path / "out.csv"))

    run(operation)
    written = pd.read_csv(tmp_path / "out.csv", dtype=str)
    assert list(written["id"].dropna()) == ["001", "002", "003", "004", "005"]
    assert list(written["prediction"].dropna()) == ["1", "2", "3", "4", "5"]


def test_objects_of_json_lines_are_cut_by_stripes_and_continue(run: Callable[..., Any], stack: Pipeline) -> None:
    body = b"".join(json.dumps({"id": str(row), "x": row}).encode() + b"\n" for row in range(40))
    for key in ("lines/a", "lines/b"):
        stack.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=body)

    async def operation(client: Any, wait: Any) -> None:
        options: dict[str, Any] = {"keep": "id", "job_key": "k", "stripe_bytes": 300, "progress": False}
        job = await wait(client.submit(f"s3://{stack.bucket}/lines/", **options))
        assert job.chunks_sent == 6
        again = await wait(client.submit(f"s3://{stack.bucket}/lines/", **options))
        assert (again.id, again.continued, again.chunks_sent) == (job.id, True, 0)

    run(operation)
