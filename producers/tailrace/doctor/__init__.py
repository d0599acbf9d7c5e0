"""The doctor: checks of an account before a deployment, and of a deployed stack.

A check is a generator of AWS calls (`tailrace_core.aws.calls`) that returns findings, with
the commands that fix them. `runner` carries checks out; `stack` and `preflight` hold them, each
with its table.

Imports `tailrace.aws` and `tailrace_core`.
"""
