"""The peers' side of the benchmarks: programs that import nothing of the project."""
