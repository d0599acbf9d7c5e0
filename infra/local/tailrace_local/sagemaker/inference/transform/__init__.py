"""Batch transform jobs: their operations, their work on objects, their events.

Imports `tailrace_local.sagemaker.hosting`, `control`, `fault_injection` and `messages`, and the
serial pipeline of `inference`.
"""
