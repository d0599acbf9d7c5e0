"""Hosting: endpoints, their instances and queues, and the metrics and logs that they publish.

Imports `tailrace_local.sagemaker`'s ports, messages and records.
"""
