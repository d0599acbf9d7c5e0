"""Batch transform in rounds: the names, objects and requests of rounds, and verdicts on their ends.

May import `tailrace_core.jobs` and `tailrace_core.objects`.
"""
