"""The local cloud: Tailrace on one machine, on emulators of AWS and SageMaker.

It comes with a demo model and its data.
"""
