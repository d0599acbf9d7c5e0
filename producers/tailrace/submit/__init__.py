"""Submitting a job.

This package holds the plan of its chunks, the calls for each, and the senders that make the calls.
Imports `tailrace.records`, `sources`, `aws`, `costs`, `options`, `progress` and `tailrace_core`.
"""
