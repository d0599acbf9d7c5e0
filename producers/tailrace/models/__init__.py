"""From raw data to a model: preparing data and training.

Each subpackage imports what the client offers, and a heavy library only where it is used.
"""
