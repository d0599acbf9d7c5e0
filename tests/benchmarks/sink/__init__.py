"""A sink: a server over TLS that takes uploads, and answers as AWS does about as late as AWS does.

All who upload talk to the same one. It does as little as it can, in several processes, so that it is not what is
measured: large bodies are counted and dropped, small ones are kept as files, so that a tiny run shows what arrived.

    python -m tests.benchmarks.sink FOLDER
"""
