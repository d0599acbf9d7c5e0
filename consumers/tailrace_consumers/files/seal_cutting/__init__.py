"""The function SealCutting."""
