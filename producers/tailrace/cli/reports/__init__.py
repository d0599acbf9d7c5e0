"""Reports of jobs, parked chunks and dead letters: text for people, JSON for machines.

Imports `tailrace.doctor`, `tailrace.operations`, `tailrace.submit`, `tailrace.cli.quantities` and
`tailrace_core`.
"""
