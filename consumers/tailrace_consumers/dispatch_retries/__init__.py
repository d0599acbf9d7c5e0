"""The Lambda that invokes a chunk's next attempt when the retry's delay is over.

Imports `tailrace_consumers.chunks`, `runtime`, the composition and `tailrace_core`.
"""
