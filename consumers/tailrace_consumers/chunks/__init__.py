"""The life of a chunk: attempts, retries, splitting, rejection, parking and settling.

Imports `tailrace_consumers.objects`, `runtime`, the ports and `tailrace_core`.
"""
