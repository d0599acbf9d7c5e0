"""Operations on a running stack: parked chunks, dead letters, and the results queue.

Imports `tailrace.aws`, `tailrace.records` and `tailrace_core`.
"""
