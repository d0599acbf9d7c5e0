"""Every patch of MiniStack, the third-party AWS emulator that the cloud is built on.

`patching` is the one way to replace or to use one of MiniStack's private names; `catalogue` lists
all of them. No module outside this folder imports MiniStack. Imports `tailrace_local.cloud.iam`,
`cloudwatch` and `emulator_base`.
"""
