"""How many rejected rows a job puts up with."""

from __future__ import annotations

from tailrace_core.jobs import Job, JobSettings

_PER_CENT = 100.0


def excess(job: Job, settings: JobSettings) -> str | None:
    """Why the job has to fail, in words, when more rows were rejected than its settings allow; else None.

    A limit in per cent holds from when the job is sealed: before, nobody knows of how many rows.
    """
    if settings.max_rejects is not None and job.rows_rejected > settings.max_rejects:
        return f"{job.rows_rejected} rows were rejected, {settings.max_rejects} are allowed (max_rejects)"
    percent = settings.max_rejects_percent
    if percent is None or not job.rows_total:
        return None
    if job.rows_rejected * _PER_CENT > percent * job.rows_total:
        counts = f"{job.rows_rejected} of {job.rows_total} rows were rejected"
        return f"{counts}, {percent:g} % are allowed (max_rejects_percent)"
    return None
