"""How jobs, parked chunks and dead letters are shown: as text for people, as JSON for machines.

Imports `tailrace.operations`, `tailrace.submit`, `tailrace.cli.quantities` and `tailrace_core`.
"""
