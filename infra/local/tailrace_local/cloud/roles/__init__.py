"""Roles: their credentials, clients that act with them, and their inline policies.

Imports `tailrace_local.cloud.ministack`.
"""
