"""A chunk failed: classify the reason; retry, split, reject the row or park."""
