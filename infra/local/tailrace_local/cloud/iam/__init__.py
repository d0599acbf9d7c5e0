"""Access control: enforcement, the log of decisions, and permissions for KMS keys.

Imports `tailrace_local.cloud.services` and `tailrace_local.emulator_base`.
"""
