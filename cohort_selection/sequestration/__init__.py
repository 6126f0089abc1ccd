"""Open and sequestered patients, the open part.

**Assignment**: each patient's part, given once for all benchmarks. **Open part**: the cases
that researchers train on.

Order of reading: ``split``, ``parts``, ``assignment``, ``open_list``, ``open_part``.
"""
