"""The ledger of jobs and chunks: its interface, its rules, and adapters for DynamoDB and memory.

`port` is the interface and `rules` the rules. `dynamo_ledger` and `memory` are the adapters.
`closing` and `finishing` end jobs with any adapter. May import every other package of
`tailrace_core`.
"""
