"""What may leave: suppression, rounding, probing.

**Withheld**: not shown, with the reason. **Cell**: the cases of one group and label.
**Probing**: predictions made to read labels off a release.

Order of reading: ``rule``, ``control``, ``suppression``, ``protection``,
``earlier``, ``rounding``, ``shown_figures``, ``curves``, ``probing``, ``cohort_card``.
"""
