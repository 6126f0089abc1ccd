"""Two submissions or a whole board on the same cases.

**Paired**: both submissions scored the same cases. **Tier**: submissions that the data cannot
tell apart.

Order of reading: ``pairs``, ``board``.
"""
