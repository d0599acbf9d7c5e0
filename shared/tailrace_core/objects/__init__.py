"""Objects in the stack's bucket: their keys, trusted locations and checksums.

Imports `tailrace_core.errors` and `tailrace_core.jobs`.
"""
