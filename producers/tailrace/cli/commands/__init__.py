"""The subcommands of ``tailrace``, one module for each group; `registry` is the table of them.

Imports the rest of `tailrace`; only `tailrace.cli.application` imports it, and a command's module
only when the command is called.
"""
