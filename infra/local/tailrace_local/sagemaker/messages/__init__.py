"""Messages of an endpoint: invocations, payloads and notifications.

Imports `tailrace_local.sagemaker`'s records, locations and errors.
"""
