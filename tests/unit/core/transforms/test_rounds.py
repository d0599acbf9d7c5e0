"""Names and objects of rounds: what is written is read back, within AWS's limits."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects import keys
from tailrace_core.objects.locations import parse_trusted
from tailrace_core.transforms import rounds
from tests.unit.core.strategies import JOB, job_ids, row_ranges

numbers = st.integers(0, rounds.MAX_ROUNDS)


@given(job_ids, numbers)
def test_a_transform_jobs_name_is_valid_and_names_its_job_and_round(job_id: str, number: int) -> None:
    name = rounds.transform_job_name(job_id, number)
    assert len(name) <= 63
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", name)
    assert rounds.parse_transform_job_name(name) == (job_id, number)


@given(st.text(max_size=70))
def test_the_name_of_another_transform_job_is_not_taken_for_ours(name: str) -> None:
    assert rounds.parse_transform_job_name(name) is None


@given(job_ids, numbers, row_ranges())
def test_the_location_of_an_output_names_its_round_and_is_trusted(job_id: str, number: int, rows: RowRange) -> None:
    candidates = rounds.output_candidates(job_id, number, rows)
    assert len(set(candidates)) == 3
    for key in candidates:
        location = f"s3://bucket/{key}"
        assert rounds.round_of(location) == number
        assert parse_trusted(location, bucket="bucket", prefix=keys.OUTPUTS).key == key
    assert candidates[0] == rounds.output_key(job_id, number, rows)


def test_the_output_of_another_engine_belongs_to_no_round() -> None:
    assert rounds.round_of(None) is None
    assert rounds.round_of(f"s3://bucket/{keys.OUTPUTS}0a1b.out") is None


@given(job_ids, st.lists(row_ranges(), max_size=5))
def test_a_manifest_lists_each_input_once_and_is_read_back(job_id: str, ranges: list[RowRange]) -> None:
    body = rounds.manifest("bucket", job_id, ranges + ranges[:1])
    assert rounds.read_manifest(body) == frozenset(ranges)
    first, *names = json.loads(body)
    located = {f"{first['prefix']}{name}" for name in names}
    assert located == {f"s3://bucket/{keys.input_key(job_id, each)}" for each in ranges}
    assert len(names) == len(set(ranges))


def test_the_inputs_of_round_0_are_all_objects_under_the_jobs_inputs() -> None:
    assert keys.input_key(JOB, RowRange(0, 5)).startswith(rounds.input_prefix(JOB))
    assert not keys.kept_key(JOB, RowRange(0, 5)).startswith(rounds.input_prefix(JOB))
