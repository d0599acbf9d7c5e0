"""CountStripe: counts the records of one stripe, for each way to enter it."""
