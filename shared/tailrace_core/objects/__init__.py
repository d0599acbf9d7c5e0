"""Objects in S3: their keys, trusted locations and checksums, the listing of sources, and joining.

May import `tailrace_core.aws.calls`, `tailrace_core.errors` and `tailrace_core.jobs`.
"""
