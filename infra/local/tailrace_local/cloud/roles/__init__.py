"""Roles' credentials, and boto3 clients that act with them.

Imports `tailrace_local.cloud.ministack`.
"""
