"""A retry's delay is over: invoke the chunk's next attempt."""
