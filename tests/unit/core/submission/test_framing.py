from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.download.source_records import SourceRecords, SubmittedRange
from tailrace_core.csv_text.records import split_records
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import InputError, RecordError
from tailrace_core.jobs.ranges import first_gap
from tailrace_core.objects.request_frames import frame_of
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import ChunkPlan, Planner, Seal, planned_cuts, planner_for

COLUMNS = ("id", "x", "text")


def planner(**options: object) -> Planner:
    chosen = SubmitOptions(**{"request": "json", "keep": ["id"], **options})  # type: ignore[arg-type]  # drawn
    return planner_for(COLUMNS, None, chosen, endpoint_name="model")


def rows() -> st.SearchStrategy[bytes]:
    text = st.sampled_from([b"", b"red", b'"a ""b"""', b'"two\nlines"', b"x" * 60, b"ragged,row"])
    return st.lists(st.tuples(st.integers(0, 9999), text), max_size=30).map(
        lambda drawn: b"".join(b"%d,%d,%b\n" % (number, number, text) for number, text in drawn)
    )


@given(rows(), st.integers(110, 400), st.sampled_from(["json", "jsonl"]), st.integers(0, 2))
def test_framed_chunks_tile_the_input_and_keep_to_the_limit(
    data: bytes, chunk_bytes: int, request: str, canaries: int
) -> None:
    plans = planner(request=request, chunk_bytes=chunk_bytes, canaries=canaries)
    chunks = [each for each in plans.plan([data]) if isinstance(each, ChunkPlan)]
    records = split_records(data)
    assert first_gap([each.range for each in chunks], len(records)) is None
    frame = frame_of(plans.settings)
    for chunk in chunks:
        mine = records[chunk.range.first_row : chunk.range.end]
        rejected = {each.row - chunk.range.first_row for each in chunk.rejected}
        body = b"".join(chunk.input)
        assert len(body) <= chunk_bytes
        assert len(split_records(b"".join(chunk.kept))) == len(mine)
        good = [record.partition(b",")[2] for at, record in enumerate(mine) if at not in rejected]
        assert frame.encode(b"".join(good)) == b"".join(frame.split(body))
        if chunk.rows_sent > 1 and canaries:
            assert len(body) <= chunk_bytes // 2


@given(rows(), st.integers(110, 400))
def test_original_records_are_found_in_chunks_that_a_cut_was_divided_into(data: bytes, chunk_bytes: int) -> None:
    plans = planner(chunk_bytes=chunk_bytes)
    chunks = [each for each in plans.plan([data]) if isinstance(each, ChunkPlan)]
    submitted = [SubmittedRange(each.range, each.source_checksum) for each in chunks]
    found = SourceRecords(planned_cuts([data], plans.settings), submitted)
    records = split_records(data)
    joined = found.join_all(Reject(row, "", b"") for row in range(len(records)))
    assert [each.record + b"\n" for each in joined] == records


def test_rows_of_long_names_are_cut_into_chunks_of_about_a_size() -> None:
    chunks = list(planner(chunk_bytes=1000).plan([b"".join(b"%d,%d,%s\n" % (n, n, b"y" * 20) for n in range(99))]))
    sizes = [len(each.input[0]) for each in chunks if isinstance(each, ChunkPlan)]
    assert chunks[-1] == Seal(99)
    assert min(sizes[:-1]) > 500


def test_a_row_that_is_too_large_as_json_is_rejected_or_stops_the_submit() -> None:
    data = b'1,1,a\n2,2,"%b"\n3,3,c\n' % (b"\x01" * 40)
    (chunk,) = [each for each in planner(chunk_bytes=200).plan([data]) if isinstance(each, ChunkPlan)]
    assert [(each.row, each.record) for each in chunk.rejected] == [(1, b'2,2,"%b"' % (b"\x01" * 40))]
    assert "bytes as JSON is over the chunk limit of 200" in chunk.rejected[0].reason
    assert json.loads(bytes(chunk.input[0])) == {"instances": [{"x": 1, "text": "a"}, {"x": 3, "text": "c"}]}
    with pytest.raises(RecordError, match="row 1 cannot be scored"):
        list(planner(chunk_bytes=200, on_bad_row="stop").plan([data]))


def test_a_value_that_is_sent_alone_may_be_missing_or_begin_with_a_hash() -> None:
    plans = planner(drop=["text"], request_template='{"instances": [ARRAY]}')
    (chunk, _) = plans.plan([b"a,1,x\nb,,x\nc,#2,x\n"])
    assert isinstance(chunk, ChunkPlan)
    assert not chunk.rejected
    assert json.loads(bytes(chunk.input[0])) == {"instances": [[1], [None], ["#2"]]}
    (chunk, _) = planner(drop=["text"], request="csv").plan([b"a,1,x\nb,,x\nc,#2,x\n"])
    assert isinstance(chunk, ChunkPlan)
    assert [each.row for each in chunk.rejected] == [1, 2]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"request": "json", "header": "repeat"}, "has no header"),
        ({"request": "json", "content_type": "application/jsonlines"}, "rows are sent as json"),
        ({"request": "jsonl", "content_type": "application/json"}, "rows are sent as jsonl"),
        ({"request": "json", "content_type": "text/csv; charset=utf-8"}, "rows are sent as json"),
        ({"request": "csv", "request_template": "[ARRAY]"}, "rows are sent as CSV"),
        ({"request": "json", "request_template": "[]"}, "no place for a row"),
        ({"request": "xml"}, "one of csv, json, jsonl"),
    ],
)
def test_options_that_contradict_a_request_are_refused(options: dict[str, str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        SubmitOptions(**options)  # type: ignore[arg-type]  # people write it so


def test_the_content_type_follows_from_the_request() -> None:
    types = {name: SubmitOptions(request=name).content_type for name in ("csv", "json", "jsonl")}  # type: ignore[arg-type]  # as above
    assert types == {"csv": "text/csv", "json": "application/json", "jsonl": "application/jsonlines"}
    own = SubmitOptions(request="json", content_type="application/json; charset=utf-8")  # type: ignore[arg-type]  # as above
    assert own.content_type == "application/json; charset=utf-8"
