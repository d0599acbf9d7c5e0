"""Contracts and rules that Tailrace's producers and consumers share.

Imports only the standard library and pydantic; `records` needs NumPy, and `compression` uses
zstandard where it is installed.
"""
