"""A benchmark's file: its tables together, and what they promise each other.

Order of reading: ``about``, ``board``, ``file``, ``beside_claims``, ``beside_names``,
``beside_task``, ``specification``, ``offered``, ``keys_page``.
"""
