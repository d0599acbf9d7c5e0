"""One request straight at the model server, and what the pipeline would make of its answer.

Imports `tailrace`, `tailrace_core`, the endpoint emulator's messages, `tailrace_local.errors` and
`tailrace_local.control.model_restart`.
"""
