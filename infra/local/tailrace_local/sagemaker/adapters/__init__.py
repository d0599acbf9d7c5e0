"""Adapters of the ports.

They reach AWS through boto3, and model servers over HTTP and as processes; others stand for images
and model data. Imports `tailrace_local.sagemaker`'s ports, messages and records.
"""
