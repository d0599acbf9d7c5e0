"""A sink: a server over TLS that accepts uploads and answers like AWS, with AWS-like latency.

All contestants upload to the same sink. It does as little as it can, in several processes, so that
it is not what is measured: large bodies are counted and dropped, small ones are kept as files, so
that a tiny run can check them.

    python -m tests.benchmarks.sink FOLDER
"""
