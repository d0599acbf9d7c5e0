"""CollectResults.

Proves the alignment of a chunk's output, writes the part, publishes, settles, checks the job.

Imports `tailrace_consumers.chunks`, `objects`, `runtime`, the composition and `tailrace_core`.
"""
