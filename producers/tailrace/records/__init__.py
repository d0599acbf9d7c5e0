"""CSV records at speed: finding them with bitmaps, cutting, checking and selecting columns.

Imports `tailrace_core` only.
"""
