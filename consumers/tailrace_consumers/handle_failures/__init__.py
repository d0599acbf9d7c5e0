"""The Lambda that classifies a chunk's failure; `chunks.failures.policy` acts on it.

Imports `tailrace_consumers.chunks`, `objects`, `runtime`, the composition and `tailrace_core`.
"""
