"""Methods for intervals: proportions, influence, MOVER, figures near 0 and 1.

**Influence**: how much one case moves a figure. **MOVER**: an interval made of the intervals of
a figure's parts.

Order of reading: ``proportions``, ``linearised``, ``mover``, ``near_limits``, ``no_variance``.
"""
