"""Every patch of MiniStack, the AWS emulator that the cloud is built on.

Imports `tailrace_local.cloud.iam`, `cloudwatch` and `emulation`.
"""
