"""Reads the tables of a benchmark's file as the classes of other rooms declare them.

A table of the file is a frozen dataclass, and each of its fields is a key: its type, its bounds,
its default and the sentence that explains it. Here stand the words for such declarations
(``keys``), the one reader with its messages (``reading``), and what is printed from the same
declarations, the lists of keys in the documentation and the schema for editors (``reference``).

**Key**: one field of a table of a benchmark's file, with type, bounds, default and meaning.

Order of reading: ``keys``, ``meant``, ``reading``, ``reference``.
"""
