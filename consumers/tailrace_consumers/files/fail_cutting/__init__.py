"""The function FailCutting."""
