"""Submission of a job.

The package holds the options, the plan of the job's chunks, the calls for each chunk, and those
that open, seal and close the job; `striping` cuts objects where they lie. Imports `ledger`,
`invocations`, `records` and what these import.
"""
