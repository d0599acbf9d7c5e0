"""Faults in functions: the plan, its rules, and the runtime that injects them.

`rules` and `runtime` are also imported by workers, in the functions' own environment: they need
nothing but the standard library. Imports `tailrace_local.emulator_base` and
`tailrace_local.cloud.services`.
"""
