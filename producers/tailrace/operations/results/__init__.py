"""Reading of events: readers of the results queue or of another subscribed queue, and `consume`.

One implementation (`reading`) decides, as steps; the sync and the async reader run it. Imports
`tailrace.aws` and `tailrace_core`.
"""
