"""The cloud's process: MiniStack, the SageMaker emulator, functions and queue pollers on one port.

It runs in the environment `.tools/cloud`, and may import what that environment holds: neither the
client nor what the client needs.
"""
