"""Patches of MiniStack's CloudFormation: types that it lacks, and stacks nested in stacks.

Imports `tailrace_local.cloud.ministack.patching`, `tailrace_local.cloud.iam` and
`tailrace_local.emulator_base`.
"""
