"""Shared parts of the emulators: request validation, errors, CloudFormation handlers, an HTTP server.

Imports nothing else of ours.
"""
