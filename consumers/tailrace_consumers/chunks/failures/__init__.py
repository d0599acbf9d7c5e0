"""The handling of failed attempts: the policy that decides, and splitting, rejection and parking.

Imports `tailrace_consumers.chunks.attempt_invoker`, `attempts` and `settling`, and what `chunks`
may import.
"""
