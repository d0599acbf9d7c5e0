"""The function CutStripe."""
