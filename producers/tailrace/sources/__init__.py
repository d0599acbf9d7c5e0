"""Input sources: files, S3 objects and streams, opened as one stream of CSV records.

Holds also the thread in which the async client works on files. Imports `tailrace_core` only.
"""
