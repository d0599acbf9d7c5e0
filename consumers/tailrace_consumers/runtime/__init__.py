"""The runtime of every function: batches, deferred completion checks, logs and metrics.

Imports the ports, `outcomes` and `tailrace_core`.
"""
