"""Workers of this process or of a Dask scheduler, and the shards that they run."""
