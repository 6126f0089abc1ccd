"""What may leave: suppression, rounding, probing.

**Withheld**: not shown, with the reason. **Cell**: the cases of one group and label.
**Probing**: predictions made to read labels off a release.

**Attacker**: a reader who puts together all that was released. **Nested**: levels of which everyone
knows that they lie in others.

Order of reading: ``rule``, ``feedback_choice``, ``control``, ``suppression``, ``protection``,
``attacker``, ``structure``, ``told``, ``own_counts``, ``earlier``, ``nesting``, ``rounding``,
``shown_figures``, ``curves``, ``probing``, ``kinds``.
"""
