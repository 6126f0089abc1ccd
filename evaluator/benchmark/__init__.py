"""A benchmark's file: its tables together, and what they promise each other.

Read ``about`` (the [benchmark] table), ``file`` (every table with the class that declares it, and
the schema for editors), ``specification`` (reads a file, and refuses tables that do not fit each
other), ``keys_page`` (writes the lists of keys in docs/benchmark.md).
"""
