"""Serving over HTTP and HTTPS: the router, the listeners, and their certificates.

Imports `tailrace_local.cloud.services`, `tailrace_local.emulator_base` and
`tailrace_local.state_directory`.
"""
