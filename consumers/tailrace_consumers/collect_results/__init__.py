"""The Lambda that turns a chunk's output into a part.

It proves the output's alignment, writes the part, publishes, settles, and checks the job.

Imports `tailrace_consumers.chunks`, `objects`, `runtime`, the composition and `tailrace_core`.
"""
