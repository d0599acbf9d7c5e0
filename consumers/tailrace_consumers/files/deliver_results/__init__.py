"""The Lambda that puts the results of files into the outbox.

Imports `tailrace_consumers.adapters`, `runtime`, the settings and `tailrace_core`.
"""
