"""The Lambda that starts a job for each file that arrives in the inbox.

Imports `tailrace_consumers.adapters`, `runtime`, the settings and `tailrace_core`.
"""
