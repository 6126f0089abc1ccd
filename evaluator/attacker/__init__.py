"""An attacker with a linear programme: what all released counts tell of the others.

**Cell**: the cases of some levels. **Told**: said by a release. **Programme**: unknown counts, and
the sums of them that are told.

Order of reading: ``cells``, ``structure``, ``programme``, ``told``, ``own_counts``, ``nesting``.
"""
