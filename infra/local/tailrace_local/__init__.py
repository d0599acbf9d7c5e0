"""Tailrace on one machine: the AWS emulator, the SageMaker emulator, the demo's model and its data."""
