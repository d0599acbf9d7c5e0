"""CSV as bytes: records, headers, predictions and rejects objects.

Imports `tailrace_core.errors` and nothing else of ours.
"""
