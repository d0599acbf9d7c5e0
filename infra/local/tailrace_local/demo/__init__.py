"""The demo: demand data of any size, and the model that is trained on it.

Imports nothing else of ours.
"""
