"""Access control: which requests an identity may make, what each decision was, and who may use a key.

Imports `tailrace_local.cloud.services`.
"""
