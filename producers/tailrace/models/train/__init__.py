"""Training by AutoML: checks data, starts a job, waits for it, and reads its candidates.

Imports `tailrace.aws`, `tailrace.download`'s upload, `tailrace.sources` and `tailrace_core`.
"""
