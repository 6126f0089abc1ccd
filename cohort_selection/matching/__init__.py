"""Draws a cohort to a target; what can be drawn.

**Pool**: the patients who could be drawn. **Target**: the wanted share of each level.
**Margin**: the share of one level. **Minimum**: the least size of a subgroup.

Order of reading: ``target``, ``tolerance``, ``draw``, ``next_draw``, ``inclusion_probability``,
``achievable``, ``closest``, ``shortage``, ``feasibility``, ``estimand``.
"""
