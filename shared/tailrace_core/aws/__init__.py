"""AWS calls as values, their retries, the translation of AWS's errors, and direct calls.

May import `tailrace_core.errors`.
"""
