"""CSV records at speed: found by bitmaps, cut into blocks, checked and split into columns.

Imports `tailrace_core` only.
"""
