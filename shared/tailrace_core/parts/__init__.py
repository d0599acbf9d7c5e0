"""From an answer to a part: the answer's shape and alignment, kept columns, blanks, and divisions.

What scores rows without a pipeline writes the same bytes with this code. May import what stands
below in `tailrace_core`: `positions`, `jobs`, `answers`, `csv_text` and `errors`.
"""
