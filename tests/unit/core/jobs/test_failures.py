"""Policies of the failure classes."""

from __future__ import annotations

from tailrace_core.jobs.failures import POLICIES, Action, FailureClass


def test_every_class_has_a_policy_and_no_capacity_never_splits() -> None:
    assert set(POLICIES) == set(FailureClass)
    for failure in (FailureClass.THROTTLED, FailureClass.EXPIRED):
        policy = POLICIES[failure]
        assert (policy.first, policy.last, policy.counted) == (Action.RETRY, Action.RETRY, False)
