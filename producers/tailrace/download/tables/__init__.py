"""Results as tables: types of columns, DataFrames, Arrow tables, Parquet.

May import `tailrace.download.parts`; pandas and pyarrow are imported only where they are used.
"""
