"""The ledger: what it promises (`port`), its rules (`rules`), and where it lives (`dynamo`, `memory`)."""
