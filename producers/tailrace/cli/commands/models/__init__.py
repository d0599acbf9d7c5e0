"""The commands that try, choose, prepare for and train a model.

Imports what `tailrace.cli.commands` may import.
"""
