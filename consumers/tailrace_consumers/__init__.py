"""The Lambda functions: one folder each, and beside them what they share."""

from tailrace_consumers.runtime import gc_tuning

# Here, because what the functions' modules import is most of what there is to wait for.
gc_tuning.defer_collection()
