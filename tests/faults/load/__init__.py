"""Simulations of the ledger under load, in virtual time: contention, and a backlog to reconcile.

`python -m tests.faults.torture --load` runs them at the sizes of docs/reliability.md.
"""
