"""Contracts and rules that Tailrace's producers and consumers share.

Imports only the standard library and pydantic.
"""
