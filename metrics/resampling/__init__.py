"""Replicates, permutations and their compiled loops.

**Replicate**: the cohort drawn again from itself, kept as weights of its cases.

Order of reading: ``replicates``, ``sums``, ``bootstrap``, ``permutation``,
``mean_permutation``, ``kernels``, ``rank_kernels``.
"""
