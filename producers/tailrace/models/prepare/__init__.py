"""Preparation of raw tables by a recipe, the same for training and for scoring.

Imports `tailrace.sources`, `tailrace.download.targets` and `tailrace_core`.
Polars is imported where rows are prepared, and nowhere else.
"""
