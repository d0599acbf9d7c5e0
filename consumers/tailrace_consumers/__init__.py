"""The Lambda functions: one folder each, and beside them what they share."""

from tailrace_consumers import cold_start

# Here, because what the functions' modules import is most of what there is to wait for.
cold_start.begin()
