"""View models: pure functions from values of the ledger to what a template shows.

They may import `console.snapshot` and the core. Times are seconds since the epoch, durations
seconds, rates rows a second.
"""
