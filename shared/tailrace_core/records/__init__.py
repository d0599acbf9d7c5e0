"""CSV records at speed: finding them with bitmaps, cutting, checking and selecting columns.

Needs NumPy. Imports `csv_text` and `errors` only.
"""
