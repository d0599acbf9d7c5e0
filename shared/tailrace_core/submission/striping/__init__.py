"""Cutting by stripes: objects of S3 are cut where they lie, by many readers at once.

A stripe is a range of bytes of an object, or several small objects. In the order of the work:
`request` says what to cut · `manifest` divides the objects into stripes · `counting` counts the
records of one stripe without knowing those before it · `summing` finds from all counts where each
stripe's records begin and end · `reading` reads the records of one stripe. A submit that reads the
objects itself cuts at the same places (`tailrace_core.records.cutting`), so that it makes the same
chunks. No module does IO; functions and clients give what reads an object (`OpenRange`).

Imports what `submission` imports; only `counting` needs NumPy.
"""
