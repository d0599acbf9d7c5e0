"""Serving over HTTP: the router in front, the listeners, and their certificates.

Imports `tailrace_local.cloud.services` and `tailrace_local.state_directory`.
"""
