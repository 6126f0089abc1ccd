"""Two submissions or a whole board on the same cases.

**Paired**: both submissions scored the same cases. **Tier**: submissions that the data cannot
tell apart. **Best of N**: the best of all looks of one team, whose figure owes a part to luck.

Order of reading: ``pairs``, ``rankable``, ``entries``, ``all_pairs``, ``standings``,
``selection``, ``ranking``, ``influences``, ``kernels``.
"""
