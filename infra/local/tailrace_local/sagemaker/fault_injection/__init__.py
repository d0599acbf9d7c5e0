"""Fault injection: hooks around each step of an invocation, and a plan that says what goes wrong.

Imports `tailrace_local.sagemaker`'s ports and messages.
"""
