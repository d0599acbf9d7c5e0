"""Advice on the way to infer: which ways fit a file, how long each takes and what it costs.

Imports `tailrace.costs`, `sources`, `aws` and `tailrace_core`.
"""
