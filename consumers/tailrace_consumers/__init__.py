"""The Lambda functions: one folder each, and beside them what they share."""
