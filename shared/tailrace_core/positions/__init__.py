"""Proofs that each prediction stands at the position of its row: canaries and echoes.

May import `tailrace_core.csv_text`, `tailrace_core.errors` and `tailrace_core.jobs`.
"""
