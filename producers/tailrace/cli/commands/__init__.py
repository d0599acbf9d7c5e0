"""The subcommands of ``tailrace``, one module for each group.

Imports the rest of `tailrace`; only `tailrace.cli.application` imports it.
"""
