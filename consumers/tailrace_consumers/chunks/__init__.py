"""The life of a chunk: attempts, retries, failures, settling and the completion of its job.

Imports `tailrace_consumers.objects`, `runtime`, the ports and `tailrace_core`.
"""
