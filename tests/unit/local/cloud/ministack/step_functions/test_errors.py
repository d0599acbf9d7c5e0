from __future__ import annotations

import pytest

from tailrace_local.cloud.ministack.step_functions.errors import delay_s


@pytest.mark.parametrize(
    ("retrier", "delays"),
    [
        ({}, [1, 2, 4]),
        ({"IntervalSeconds": 3, "BackoffRate": 1.5}, [3, 4.5, 6.75]),
        ({"IntervalSeconds": 2, "MaxDelaySeconds": 5}, [2, 4, 5]),
        ({"IntervalSeconds": 2, "MaxDelaySeconds": 5, "JitterStrategy": "FULL"}, [0.5, 1, 1.25]),
        ({"JitterStrategy": "NONE"}, [1, 2, 4]),
    ],
)
def test_a_retry_waits_as_its_retrier_says(retrier: dict[str, object], delays: list[float]) -> None:
    assert [delay_s(retrier, retries, share=0.25) for retries in range(3)] == delays
