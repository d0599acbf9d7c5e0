"""The Lambda that scores chunks by a real-time or a serverless endpoint, from a queue of requests.

It is an InvokeEndpointAsync over InvokeEndpoint: it stores the answer and sends the notification
that the asynchronous service would have sent. Imports `tailrace_consumers.adapters`,
`chunks`, `runtime` and `tailrace_core`.
"""
