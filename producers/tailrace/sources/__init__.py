"""Input sources: files, S3 objects and streams, opened as one stream of CSV records.

Imports `tailrace_core` only.
"""
