"""AWS calls as values, the retries around them, and the translation of AWS's errors.

Imports `tailrace_core.errors`.
"""
