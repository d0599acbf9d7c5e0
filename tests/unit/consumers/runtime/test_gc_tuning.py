from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tailrace_consumers.runtime import gc_tuning


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    gc_tuning.resume_collection.cache_clear()
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_the_collector_waits_until_the_start_is_over() -> None:
    gc.set_threshold(700, 10, 10)
    gc_tuning.defer_collection()
    assert gc.get_threshold()[0] == gc_tuning.ALLOCATIONS
    gc_tuning.resume_collection()
    assert gc.get_threshold()[0] < gc_tuning.ALLOCATIONS


def test_what_the_start_made_is_never_looked_at_again() -> None:
    gc.unfreeze()
    lasting = [[] for _ in range(1_000)]  # type: ignore[var-annotated]  # what of is no matter
    gc_tuning.resume_collection()
    assert gc.get_freeze_count() > len(lasting)
    assert not any(each is lasting for each in gc.get_objects())


def test_a_start_ends_once() -> None:
    gc_tuning.resume_collection()
    frozen = gc.get_freeze_count()
    later = [[] for _ in range(1_000)]  # type: ignore[var-annotated]  # what of is no matter
    gc_tuning.resume_collection()
    assert gc.get_freeze_count() <= frozen
    assert any(each is later for each in gc.get_objects())
