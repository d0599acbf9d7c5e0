"""The Lambda that invokes, expires or finishes overdue chunks and jobs, every few minutes.

Imports `tailrace_consumers.chunks`, `runtime`, the composition and `tailrace_core`.
"""
