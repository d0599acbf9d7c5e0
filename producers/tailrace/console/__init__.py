"""The console: pages for an operator, on the loopback address, over the operator's credentials.

`readings` calls AWS, `sampler` takes snapshots for all tabs, `views` turns them into view models,
`pages` and `actions` answer requests, `guard` decides which requests come in. It may import
`tailrace.operations`, `tailrace.client` and the core. Nothing here receives from the parked or the
results queue.
"""
