"""Control of a local cloud: build, launch, deploy, inspect, take down.

Imports the settings and plans of `tailrace_local.cloud` and `tailrace_local.sagemaker`, never their
servers.
"""
