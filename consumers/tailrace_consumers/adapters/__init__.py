"""Adapters of the ports: S3, SQS, SNS and SageMaker, over one executor of AWS calls.

Imports `tailrace_consumers.ports` and `tailrace_core`.
"""
