from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.aws.calls import Call, run
from tailrace_core.errors import InputError, NotFoundError
from tailrace_core.objects.listing import is_source, list_sources

_KEYS = st.lists(st.text("a_.=/é\U0001f600", min_size=1, max_size=6), unique=True, max_size=12)


class Bucket:
    """Lists keys, a few for each call and in no order."""

    def __init__(self, keys: list[str], at_a_time: int = 3) -> None:
        self._keys = keys
        self._at_a_time = at_a_time

    def __call__(self, call: Call) -> dict[str, Any]:
        assert (call.service, call.operation) == ("s3", "list_objects_v2")
        start = int(call.params.get("ContinuationToken", 0))
        matching = [key for key in self._keys if key.startswith(call.params["Prefix"])]
        page, stop = matching[start : start + self._at_a_time], start + self._at_a_time
        more = {"IsTruncated": True, "NextContinuationToken": str(stop)} if stop < len(matching) else {}
        return {"Contents": [{"Key": key, "Size": 5, "ETag": f'"{key}"'} for key in page], **more}


@given(_KEYS)
def test_sources_come_in_the_order_of_the_bytes_of_their_keys(keys: list[str]) -> None:
    expected = sorted((f"p/{key}" for key in keys if is_source(key)), key=str.encode)
    bucket = Bucket([f"p/{key}" for key in keys] + ["p", "other/a"])
    if not expected:
        with pytest.raises(InputError, match="below s3://b/p/"):
            run(list_sources("b", "p/"), bucket)
        return
    found = run(list_sources("b", "p/"), bucket)
    assert [each.key for each in found] == expected
    assert all(each.etag == f'"{each.key}"' for each in found)


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("a.csv", True),
        ("day=1/part-0.csv.gz", True),
        ("_day=1/part-0.csv.gz", True),
        ("_SUCCESS", False),
        (".a.csv.crc", False),
        ("_temporary/0/part-0.csv", False),
        ("day=1/.staging/part-0.csv", False),
        ("day=1/", False),
        ("", False),
        ("day=1_$folder$", False),
        ("day=1/_x=1", False),
    ],
)
def test_hidden_names_and_markers_of_folders_are_no_sources(name: str, chosen: bool) -> None:  # noqa: FBT001 - a case
    assert is_source(name) is chosen


def test_a_pattern_is_held_against_all_that_follows_the_prefix() -> None:
    bucket = Bucket(["p/a.csv", "p/day/b.csv", "p/day/c.txt"])
    assert [each.key for each in run(list_sources("b", "p/", "*.csv"), bucket)] == ["p/a.csv", "p/day/b.csv"]
    assert [each.key for each in run(list_sources("b", "p/", "day/*"), bucket)] == ["p/day/b.csv", "p/day/c.txt"]
    with pytest.raises(InputError, match=r"3 objects are below s3://b/p/.*matches '\[b\]\*'.*check the pattern"):
        run(list_sources("b", "p/", "[b]*"), bucket)


def test_a_prefix_that_leads_nowhere_says_so() -> None:
    def no_bucket(_: Call) -> Any:
        raise NotFoundError("The specified bucket does not exist", code="NoSuchBucket")

    with pytest.raises(InputError, match="there is no bucket b"):
        run(list_sources("b", "p/"), no_bucket)
    with pytest.raises(InputError, match="there is no object below s3://b/p/"):
        run(list_sources("b", "p/"), Bucket([]))
