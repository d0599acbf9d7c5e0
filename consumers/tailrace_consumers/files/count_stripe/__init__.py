"""The function CountStripe."""
