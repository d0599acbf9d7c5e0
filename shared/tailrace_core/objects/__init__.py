"""Objects in the stack's bucket: their keys, trusted locations and checksums.

May import `tailrace_core.errors` and `tailrace_core.jobs`.
"""
