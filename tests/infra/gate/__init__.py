"""The gate: what several checkers say about every way to deploy, less what is accepted with a reason."""
