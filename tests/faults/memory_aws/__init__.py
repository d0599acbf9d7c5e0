"""AWS in memory, at the level of boto3's client methods; a conformance suite holds it against moto."""
