"""Shared parts of the emulators.

They validate requests, report errors, handle CloudFormation resources and serve HTTP. Imports
nothing else of ours.
"""
