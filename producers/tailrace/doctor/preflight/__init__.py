"""Checks of an account before a deployment; they read only. `table` lists them in their order.

Imports the modules of `tailrace.doctor` and `tailrace_core`.
"""
