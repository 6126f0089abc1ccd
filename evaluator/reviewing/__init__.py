"""What the process that runs the queue has to do with held results.

**Held document**: the release that reviewers decide on.

Order of reading: ``shared_patients``, ``held``, ``decisions``.
"""
