"""Submitting a job.

This package holds the senders that make the calls of `tailrace_core.submission`, and the estimates
of a dry run. Imports `sources`, `aws`, `costs`, `progress` and `tailrace_core`.
"""
