"""Steps over the rows of a raw table: cells, whole rows, and the short way for numbers alone.

Imports `plan`, `recipes`, `raw_tables`, `prepared_cuts` and `counts` beside it.
"""
