"""AWS calls as values, the retries around them, and the translation of AWS's errors.

May import `tailrace_core.errors`.
"""
