"""Progress for people: a live line on a terminal, a bar in a notebook, plain lines elsewhere.

May import the progress values, and rich where it is used.
"""
