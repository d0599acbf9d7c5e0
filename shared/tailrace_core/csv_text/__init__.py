"""CSV as bytes: records, headers, predictions and rejects objects.

May import `tailrace_core.errors`.
"""
