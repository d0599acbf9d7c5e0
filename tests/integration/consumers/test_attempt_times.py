"""The time of an attempt's invocation in the table."""

from tailrace_core.jobs.ranges import RowRange
from tests.integration.consumers.aws import JOB_ID, NOW, Stack


def test_the_time_of_an_invocation_is_kept_until_the_next_attempt(stack: Stack) -> None:
    stack.add_job()
    chunk = stack.add_chunk(RowRange(0, 1), b"1\n")
    made = stack.composition()
    found = made.ledger.chunk(JOB_ID, chunk.range)
    assert found is not None
    assert found.invoked_at == NOW

    assert made.attempts.begin(found, tries=2, reason="500") is not None
    following = made.ledger.chunk(JOB_ID, chunk.range)
    assert following is not None
    assert (following.invoked_at, following.output_location, following.attempt) == (None, None, 2)
