"""Messages: the events that Tailrace publishes, SageMaker's notifications, and the job's manifest.

Imports `tailrace_core.errors` and `tailrace_core.jobs`.
"""
