"""Scoring on the spot: the rows of a file against a model that answers at once, without a stack.

Imports `tailrace_core.submission.planning`, `download`, `sources`, `options`, `progress`, `aws` and
`tailrace_core`.
"""
