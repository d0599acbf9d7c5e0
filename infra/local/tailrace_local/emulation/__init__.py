"""Shared parts of the emulators.

Request validation, errors, CloudFormation handlers, an HTTP server. Imports nothing else of ours.
"""
