"""The Lambda that classifies a chunk's failure; `chunks.failure_policy` acts on it.

Imports `tailrace_consumers.chunks`, `objects`, `runtime`, the composition and `tailrace_core`.
"""
