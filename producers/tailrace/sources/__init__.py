"""Sources: the files, objects and streams that a user names, opened as one stream of CSV records.

Imports `tailrace_core` only.
"""
