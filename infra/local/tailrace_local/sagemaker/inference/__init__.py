"""Inference: the runtime API, and the engine that processes asynchronous invocations.

Imports `tailrace_local.sagemaker.hosting`, `fault_injection`, `control` and `messages`.
"""
