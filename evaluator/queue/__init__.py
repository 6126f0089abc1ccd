"""Dispatcher, workers, shards, states, the dry run."""
