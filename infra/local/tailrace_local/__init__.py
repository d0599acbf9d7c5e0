"""The local cloud: Tailrace on one machine, on emulators of AWS and SageMaker, with a demo model and its data."""
