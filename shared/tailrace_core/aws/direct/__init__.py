"""Direct calls: the requests of hot operations, signed and sent without botocore's client.

May import `tailrace_core.aws.calls`, `tailrace_core.aws.errors` and `tailrace_core.errors`.
"""
