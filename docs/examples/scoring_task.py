"""A task of a scheduler: score a file, write the result, return the counts."""

from __future__ import annotations

from tailrace import Tailrace


def score(
    source: str, target: str, *, run_id: str, keep: str = "order_id", max_rejects: str = "1%"
) -> dict[str, int | str]:
    """Score ``source`` and write ``target``, both a path or ``s3://bucket/key``.

    A retry with the same ``run_id`` continues the job: no row is scored twice, and a finished job
    is only fetched again. The stack is that of ``TAILRACE_STACK``.

    Raises:
        tailrace.InputError: the job has no whole result: too many rows were rejected, or a chunk
            needs an operator, whom no scheduler has at hand.
        tailrace.TimedOutError: the job did not end within six hours.
    """
    with Tailrace() as client:
        job = client.submit(source, keep=keep, job_key=run_id, max_rejects=max_rejects, on_parked="fail")
        done = job.download(target, timeout_s=6 * 3600)
    return {"job_id": job.id, "rows": done.rows, "rows_rejected": done.rows_rejected, "target": target}
