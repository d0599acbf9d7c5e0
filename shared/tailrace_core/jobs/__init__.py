"""Jobs and chunks: their settings and states, their row ranges, and what a failure does to them.

May import `tailrace_core.errors`, `tailrace_core.engines` and `tailrace_core.csv_text`.
"""
