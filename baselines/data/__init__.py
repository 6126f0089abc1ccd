"""Decoded, resized pixels: kept on disk once, read by every training in any order.

**Example**: what a network sees at once: an image of one file, or a volume of one series.

**Shard**: a file of the cache with the pixels of some hundred examples, beside an index of them.

Order of reading: ``readers``, ``shards``, ``cache``, ``sources``, ``draws``, ``loaders``.
"""
