"""ReconcileJobs.

Every few minutes finds overdue chunks and jobs, and invokes, expires or finishes them.

Imports `tailrace_consumers.chunks`, `runtime`, the composition and `tailrace_core`.
"""
