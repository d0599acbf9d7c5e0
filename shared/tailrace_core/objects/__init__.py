"""Objects in S3: their keys, trusted locations and checksums, and the listing of sources.

May import `tailrace_core.aws.calls`, `tailrace_core.errors` and `tailrace_core.jobs`.
"""
