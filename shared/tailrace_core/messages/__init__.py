"""Messages: the events that Tailrace publishes, SageMaker's notifications, and the job's manifest.

May import `tailrace_core.errors`, `tailrace_core.jobs` and `tailrace_core.objects`.
"""
