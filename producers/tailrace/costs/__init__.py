"""Costs: prices, free tiers, and what a stack and a job cost.

Imports `tailrace_core` only.
"""
