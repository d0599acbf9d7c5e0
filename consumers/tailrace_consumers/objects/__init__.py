"""The bucket's objects that consumers read and write: the rows of chunks, and parts.

Imports `tailrace_consumers.ports` and `tailrace_core`.
"""
