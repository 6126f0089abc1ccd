"""Dispatcher, workers, shards, states, the dry run.

**Admission**: lint, load, look, dry run. **Job**: a submission under way. **Shard**: the cases
of one container.

Order of reading: ``lifecycle``, ``admission``, ``admission_thread``, ``registry``,
``practice_run``, ``dry_run``, ``dispatcher``, ``job``, ``image_supply``, ``completion``,
``record``, ``readiness``, ``determinism``.
"""
