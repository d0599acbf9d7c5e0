"""The Lambda functions, one folder each, and the modules that they share.

Imports `tailrace_core`. Importing this package defers garbage collection (decision 93).
"""

from tailrace_consumers.runtime import gc_tuning

# Before all other imports: they allocate most of the objects of a cold start.
gc_tuning.defer_collection()
