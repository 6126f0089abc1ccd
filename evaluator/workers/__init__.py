"""Workers of this process or of a Dask scheduler, and the shards that they run.

Order of reading: ``workers``, ``shard``, ``scheduler_address``.
"""
