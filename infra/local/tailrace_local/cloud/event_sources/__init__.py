"""Event source mappings: pollers that invoke functions with messages from SQS queues, by AWS's rules.

Imports `tailrace_local.cloud.ministack` and `tailrace_local.cloud.roles`.
"""
