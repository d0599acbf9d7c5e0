"""Joining of objects into one inside S3: the plan of a multipart upload, and its calls.

Imports `tailrace_core.objects.checksums`, `tailrace_core.aws` and `tailrace_core.errors`.
"""
