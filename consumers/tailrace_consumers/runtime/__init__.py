"""What every function needs while it runs: batches, deferred checks, logs and metrics.

Imports the ports, `metrics`, `outcomes` and `tailrace_core`.
"""
