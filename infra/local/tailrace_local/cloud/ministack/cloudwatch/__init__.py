"""Patches of MiniStack's CloudWatch: its API, its alarms and its datapoints.

Imports `tailrace_local.cloud.ministack.patching`, `tailrace_local.cloudwatch` and
`tailrace_local.emulator_base`.
"""
