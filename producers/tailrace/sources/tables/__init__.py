"""Tables as input: DataFrames and Arrow tables, written as CSV in batches while they are read.

The text is the same for the same table (and the same version of its library), so that a job
continues when its table is given again:

- The column names are the header; a DataFrame's index is not sent.
- A missing value (None, NaN, NaT, null) is an empty field.
- A float is the shortest decimal that gives the same float back; a Decimal keeps its digits.
- A timestamp is ISO 8601, ``2026-01-31T08:30:00.000000``, with all digits of its resolution; one
  with a time zone is in UTC, with a ``Z``.
- Text is quoted where CSV needs it. Booleans and all else are written as the library writes them.

For a request in JSON a table is written *typed*: as Parquet is (`tailrace.sources.tables.parquet`),
with quotes around text and around nothing that is a number, a boolean or missing.

May import `tailrace.sources.block_reader`. Each library is imported only for a table of its own.
"""
