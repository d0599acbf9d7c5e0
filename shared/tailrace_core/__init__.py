"""Contracts and rules that Tailrace's producers and consumers share; imports only the standard library and pydantic."""
