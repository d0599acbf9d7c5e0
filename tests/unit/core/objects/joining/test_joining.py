"""Objects joined inside S3 are their concatenation, within the rules of multipart uploads."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.aws.calls import run
from tailrace_core.errors import ContractError, InputError, NotFoundError, PermanentError
from tailrace_core.objects.checksums import checksum
from tailrace_core.objects.joining.crc32 import combine
from tailrace_core.objects.joining.plan import S3_LIMITS, JoinLimits, JoinPlan, JoinSource, plan_join
from tailrace_core.objects.joining.upload import JoinUpload
from tailrace_core.objects.locations import S3Location
from tests.fakes.multipart_s3 import MultipartS3

SMALL = JoinLimits(min_part_bytes=5, max_part_bytes=300, max_parts=60, gather_bytes=8)
TARGET = S3Location("theirs", "out.csv")
SIZES = st.builds(
    lambda sizes, largest, at: [*sizes[:at], largest, *sizes[at:]],
    st.lists(st.one_of(st.integers(0, 12), st.integers(0, 120)), max_size=24),
    st.integers(0, 1_000),
    st.integers(0, 24),
)


def bucket_of(sizes: list[int], limits: JoinLimits = SMALL) -> tuple[MultipartS3, list[JoinSource]]:
    s3 = MultipartS3(limits, page=3)
    sources = []
    for number, size in enumerate(sizes):
        body = bytes((number * 31 + place) % 251 for place in range(size))
        s3.put("ours", f"parts/{number}", body)
        sources.append(JoinSource(f"parts/{number}", size, checksum(body)))
    return s3, sources


def upload_all(s3: MultipartS3, plan: JoinPlan, upload_id: str | None = None) -> None:
    upload = JoinUpload(plan, bucket="ours", target=TARGET)
    if plan.single_request:
        run(upload.put({}, {}), s3)
        return
    upload_id = upload_id or run(upload.begin({"Metadata": {"by": "test"}}), s3)
    done = run(upload.uploaded(upload_id), s3)
    for part in plan.parts:
        if part.number not in done:
            done[part.number] = run(upload.upload(upload_id, part), s3)
    run(upload.complete(upload_id, done, {}), s3)


@given(sizes=SIZES, head=st.binary(max_size=20))
def test_a_join_is_the_concatenation_within_the_rules(sizes: list[int], head: bytes) -> None:
    s3, sources = bucket_of(sizes)
    plan = plan_join(sources, head=head, limits=SMALL)
    whole = head + b"".join(s3.body("ours", each.key) for each in sources)
    assert (plan.size_bytes, plan.checksum) == (len(whole), checksum(whole))
    assert sum(part.size_bytes for part in plan.parts) == len(whole)
    upload_all(s3, plan)
    assert s3.body("theirs", "out.csv") == whole
    assert not s3.uploads


@given(sizes=SIZES, head=st.binary(max_size=20))
def test_objects_of_the_least_size_are_copied_and_read_only_to_fill_up_the_part_before(
    sizes: list[int], head: bytes
) -> None:
    plan = plan_join(bucket_of(sizes)[1], head=head, limits=SMALL)
    least = max(SMALL.min_part_bytes, -(-plan.size_bytes // (SMALL.max_parts - 1)))
    read = sum(each.size_bytes for part in plan.parts if not part.copied for each in part.fragments)
    small = sum(size for size in sizes if size < least)
    large = sum(size >= least for size in sizes)
    # Each large object may fill up one part, and be gathered whole if too little of it is left.
    assert read <= small + large * 2 * least
    gathered = [part.size_bytes for part in plan.parts if not part.copied]
    assert all(size < max(SMALL.gather_bytes, least) + 2 * least + len(head) for size in gathered)


@given(sizes=SIZES, stops=st.lists(st.integers(0, 5), max_size=6))
def test_an_interrupted_join_goes_on_with_its_id_alone(sizes: list[int], stops: list[int]) -> None:
    s3, sources = bucket_of(sizes)
    plan = plan_join(sources, head=b"header\n", limits=SMALL)
    if plan.single_request:
        return
    upload_id = run(JoinUpload(plan, bucket="ours", target=TARGET).begin({}), s3)
    for stop in stops:
        again = plan_join(sources, head=b"header\n", limits=SMALL)
        upload = JoinUpload(again, bucket="ours", target=TARGET)
        done = run(upload.uploaded(upload_id), s3)
        for part in [each for each in again.parts if each.number not in done][:stop]:
            run(upload.upload(upload_id, part), s3)
    before = len(s3.made)
    upload_all(s3, plan, upload_id)
    whole = b"header\n" + b"".join(s3.body("ours", each.key) for each in sources)
    assert s3.body("theirs", "out.csv") == whole
    sent = sum(each.startswith("upload_part") for each in s3.made[before:])
    assert sent == max(0, len(plan.parts) - sum(stops))


@given(st.lists(st.binary(max_size=700), max_size=6))
def test_the_checksum_of_a_concatenation_follows_from_those_of_its_pieces(pieces: list[bytes]) -> None:
    assert combine((zlib.crc32(each), len(each)) for each in pieces) == zlib.crc32(b"".join(pieces))


def test_the_checksum_of_large_pieces_is_right_too() -> None:
    large = bytes(3_000_001)
    assert combine([(zlib.crc32(b"ab"), 2), (zlib.crc32(large), len(large))]) == zlib.crc32(b"ab" + large)


def test_a_quarter_of_a_million_small_parts_fit_into_an_upload_of_s3() -> None:
    sources = [JoinSource(f"{number}", 450_000 + number % 7) for number in range(250_000)]
    plan = plan_join(sources, head=b"prediction\n")
    assert 9_000 < len(plan.parts) <= S3_LIMITS.max_parts
    assert max(part.size_bytes for part in plan.parts) < 13 * 1024 * 1024
    assert plan.checksum is None


def test_large_parts_are_copied_and_nothing_of_them_is_read_but_a_beginning() -> None:
    sources = [JoinSource(f"{number}", 700_000_000, f"crc32:{number:08x}") for number in range(20)]
    plan = plan_join(sources, head=b"id,prediction\n")
    read = [each for part in plan.parts if not part.copied for each in part.fragments]
    assert [(each.source.key, each.size_bytes) for each in read] == [("0", S3_LIMITS.min_part_bytes - 14)]
    assert len(plan.parts) == 21


def test_more_than_an_object_of_s3_holds_is_refused() -> None:
    with pytest.raises(InputError, match="more than an object of S3 holds: read its parts instead"):
        plan_join([JoinSource("a", 40 * 1024**4)])


@pytest.mark.parametrize("sizes", [[3, 3, 3, 3], [3, 30, 2, 30]])
def test_a_part_that_changed_is_never_delivered(sizes: list[int]) -> None:
    for number in range(len(sizes)):
        s3, sources = bucket_of(sizes)
        s3.put("ours", f"parts/{number}", b"x" * sizes[number])
        with pytest.raises((ContractError, PermanentError)):
            upload_all(s3, plan_join(sources, limits=SMALL))
        assert ("theirs", "out.csv") not in s3.objects


def test_a_part_that_is_shorter_is_named() -> None:
    s3, sources = bucket_of([3, 3, 3, 3])
    s3.put("ours", "parts/2", b"x")
    with pytest.raises(ContractError, match="the part parts/2 is damaged: 1 bytes where 3 are expected"):
        upload_all(s3, plan_join(sources, limits=SMALL))


def test_without_a_checksum_of_a_source_the_size_is_still_compared() -> None:
    s3, sources = bucket_of([30, 30])
    s3.put("ours", "parts/1", b"x" * 31)
    with pytest.raises(PermanentError, match="the size differs"):
        upload_all(s3, plan_join([replace(each, checksum=None) for each in sources], limits=SMALL))


def test_an_upload_that_ended_is_not_continued() -> None:
    s3, sources = bucket_of([30, 30])
    upload = JoinUpload(plan_join(sources, limits=SMALL), bucket="ours", target=TARGET)
    upload_id = run(upload.begin({}), s3)
    run(upload.abort(upload_id), s3)
    run(upload.abort(upload_id), s3)
    with pytest.raises(NotFoundError):
        run(upload.uploaded(upload_id), s3)
