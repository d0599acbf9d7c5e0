"""Inference: the runtime API, its two engines, and transform jobs.

Imports `tailrace_local.sagemaker.hosting`, `fault_injection`, `control` and `messages`.
"""
