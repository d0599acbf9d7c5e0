"""Functions that score files where they lie: cutting by stripes, the inbox and the outbox.

One folder a function, ``<verb>_<noun>/{handler,service}.py``. Imports the ports, `adapters`,
`chunks`, `objects`, `runtime` and `tailrace_core`.
"""
