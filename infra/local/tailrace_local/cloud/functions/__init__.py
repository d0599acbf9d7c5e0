"""Lambda functions: built artifacts under the real runtime client, in processes of their own.

Imports `tailrace_local.cloud.ministack`, `tailrace_local.cloud.iam`, `tailrace_local.cloud.roles`
and `tailrace_local.processes`.
"""
