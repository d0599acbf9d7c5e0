"""Adapters of the ports.

AWS through boto3, model servers over HTTP and as processes, images, model data. Imports
`tailrace_local.sagemaker`'s ports, messages and records.
"""
