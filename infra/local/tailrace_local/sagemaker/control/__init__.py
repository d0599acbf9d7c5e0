"""The control plane: models, endpoint configurations, endpoints and AutoML jobs.

Imports `tailrace_local.sagemaker.hosting` and `messages`.
"""
