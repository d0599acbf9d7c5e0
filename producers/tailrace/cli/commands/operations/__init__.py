"""The commands of an operator for parked chunks and dead letters.

Imports what `tailrace.cli.commands` may import.
"""
