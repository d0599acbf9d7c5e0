"""What happens to a chunk: attempts, retries, splitting, rejection, parking, settling.

Imports `tailrace_consumers.objects`, `runtime`, the ports and `tailrace_core`.
"""
