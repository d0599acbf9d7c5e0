"""Inference: the runtime API, and the engine that works off asynchronous invocations.

Imports `tailrace_local.sagemaker.hosting`, `fault_injection`, `control` and `messages`.
"""
