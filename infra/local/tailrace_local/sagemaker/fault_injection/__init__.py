"""Fault injection.

It has hooks around each step of an invocation, and plans that select requests and faults. Imports
`tailrace_local.sagemaker`'s ports and messages.
"""
