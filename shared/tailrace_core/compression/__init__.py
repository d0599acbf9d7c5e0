"""Decompression of inputs in bounded memory, gzip and zstd. Imports `errors` only."""
