"""The function ListStripes."""
