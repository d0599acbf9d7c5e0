"""The Lambda that runs the rounds of batch transform: it starts them, and reports their answers.

Imports `tailrace_consumers.chunks`, `runtime`, the composition and `tailrace_core`.
"""
