"""Benchmarks: Tailrace against other programs for the same work, in one run on one machine.

    python -m tests.benchmarks [--quick] [--only NAME]

A `contests.Benchmark` names its ratios and opens a `contests.Contest`: contestants that do the same
work, each in a process of its own, and the answer that each must give. `rounds` lets them run in
turn and takes medians; `results` compares these with the bars. A new benchmark is a module with a
`BENCHMARKS` that `catalogue` lists.
"""
