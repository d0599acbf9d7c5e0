"""AWS in memory, at the level of boto3's client methods.

`tests.faults.test_conformance` compares it with moto. Imports nothing else of `tests.faults`.
"""
