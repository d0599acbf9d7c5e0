"""The runtime of every function: batches, deferred completion checks, logs and metrics.

Imports the ports, `metrics`, `outcomes` and `tailrace_core`.
"""
