"""What may leave: suppression and rounding.

**Withheld**: not shown, with the reason. **Cell**: the cases of one group and label.

Order of reading: ``rule``, ``control``, ``suppression``, ``protection``,
``earlier``, ``rounding``, ``shown_figures``, ``curves``, ``cohort_card``.
"""
