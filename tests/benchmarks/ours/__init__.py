"""Tailrace's side of the benchmarks: each module is a program that does one kind of work and reports."""
