"""The board of a benchmark: who stands where, which rows and columns are asked for, their cells.

**Entrant**: a submission's newest release, as ranking needs it. **View**: rows and columns that a
reader asks for.

Order of reading: ``ranking``, ``details``, ``kept``, ``columns``, ``view``, ``linked``,
``selection``, ``shortcut_warning``, ``rows``, ``terminal``.
"""
