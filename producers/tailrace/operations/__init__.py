"""Operations on a running stack: parked chunks, dead letters, and the results queue.

Imports `tailrace.aws`, `tailrace_core.records` and `tailrace_core`.
"""
