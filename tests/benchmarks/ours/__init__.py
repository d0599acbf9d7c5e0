"""Tailrace's side of the benchmarks: programs that each do one kind of work and report it."""
