"""The bucket's objects as consumers read and write them: a chunk's rows, and parts.

Imports `tailrace_consumers.ports` and `tailrace_core`.
"""
