"""The process that is the cloud: MiniStack, the SageMaker emulator, functions and queue pollers on one port.

It runs in the environment `.tools/cloud`; nothing here may need more than that environment holds.
"""
