"""Event source mappings: pollers that invoke functions with messages from SQS queues.

Imports `tailrace_local.cloud.ministack` and `tailrace_local.cloud.roles`.
"""
