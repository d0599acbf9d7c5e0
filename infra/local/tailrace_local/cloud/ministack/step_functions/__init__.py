"""Patches of Step Functions: executions, tasks, errors and Distributed Maps as AWS documents them.

`machine_role` is the port by which they act as a state machine's role. Imports
`tailrace_local.cloud.ministack`.
"""
