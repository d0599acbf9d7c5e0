"""The summary of a job's rejected rows: the most frequent reasons, and a value that explains them.

Imports `tailrace.download.parts` and `tailrace_core`.
"""
