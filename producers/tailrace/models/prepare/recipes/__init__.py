"""Recipes and their files. Imports `tailrace_core` only."""
