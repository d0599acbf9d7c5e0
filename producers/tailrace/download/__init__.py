"""Downloading a finished job: its parts in order, verified, and written to a file or a stream.

Imports `tailrace_core.records`, `sources`, `progress` and `tailrace_core`.
"""
