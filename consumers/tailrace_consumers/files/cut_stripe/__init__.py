"""CutStripe: cuts one stripe into chunks, records them, and invokes those that fit the window."""
