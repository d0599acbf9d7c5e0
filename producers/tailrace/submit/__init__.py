"""Submitting a job: the plan of its chunks, the calls for each, and the senders that carry them out.

Imports `tailrace.records`, `sources`, `aws`, `costs`, `options`, `progress` and `tailrace_core`.
"""
