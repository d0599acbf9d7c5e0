"""Checks of a deployed stack, a module for each kind of resource; `table` lists them.

Imports the modules of `tailrace.doctor` and `tailrace_core`.
"""
