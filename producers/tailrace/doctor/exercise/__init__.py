"""The exercise: requests that a deployed endpoint answers, and a record of what it says.

Imports the modules of `tailrace.doctor` and `tailrace_core`.
"""
