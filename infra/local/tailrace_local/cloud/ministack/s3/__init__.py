"""Patches of S3, and an ASGI middleware that hides missing objects.

Imports `tailrace_local.cloud.ministack` and `emulator_base`.
"""
