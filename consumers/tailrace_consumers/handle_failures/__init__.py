"""The Lambda that classifies a chunk's failure, then retries, splits, rejects the row or parks.

Imports `tailrace_consumers.chunks`, `objects`, `runtime`, the composition and `tailrace_core`.
"""
