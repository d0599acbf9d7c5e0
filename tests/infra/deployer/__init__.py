"""The deployer's role: the actions that it needs, from AWS's schemas of the resource types."""
