"""A model's answers: their predictions, their one shape, and the signs of an error in their place.

Imports `tailrace_core.csv_text` and `tailrace_core.errors`.
"""
