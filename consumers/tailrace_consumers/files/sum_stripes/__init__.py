"""The function SumStripes."""
