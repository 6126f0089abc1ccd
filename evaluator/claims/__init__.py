"""What a study claims, how it is sealed, and whether it is met.

**Study**: all claims of a benchmark with their procedure. **Part**: one bound against one goal.
**Look**: a submission that read the cases. **Comparator**: whom submissions are compared with.

Order of reading: ``declaration``, ``declared_study``, ``comparators``, ``selection``,
``sealed_study``, ``addendum``, ``verdict``, ``judging``, ``closing``, ``needed``, ``words``.
"""
