"""Connections to AWS: executors of calls, a stack's outputs, and its queues.

Imports `tailrace.sources` and `tailrace_core`.
"""
