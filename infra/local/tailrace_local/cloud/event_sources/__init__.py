"""Event source mappings: from SQS queues to functions, by AWS's rules."""
