"""CSV as bytes: records, headers and rejects objects.

May import `tailrace_core.errors`.
"""
