"""Access to AWS: connections that execute calls, the stack's outputs, and its queues.

Imports `tailrace.sources` and `tailrace_core`.
"""
