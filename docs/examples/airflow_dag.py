"""A DAG for Airflow 3: score each day's orders. Put this file and `scoring_task.py` among the DAGs.

The workers need tailrace, AWS credentials, and the variable ``TAILRACE_STACK``.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task
from scoring_task import score


@dag(schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False, tags=["tailrace"])  # noqa: DTZ001 - in UTC
def score_orders() -> None:
    """Score the orders of a day, from one bucket to another."""

    @task(retries=3, retry_delay=timedelta(minutes=5))
    def score_day(ds: str | None = None) -> dict[str, int | str]:
        # The day names the job, so that a retry continues what the try before it began.
        return score(f"s3://orders/{ds}.csv.gz", f"s3://scored-orders/{ds}.parquet", run_id=f"orders-{ds}")

    score_day()


score_orders()
