"""Kinds of tasks: what is scored of predictions, and what of it may be shown, for each kind.

Words: the *top* of an evaluation has the figures of the task as a whole. A *part* is a finding, a
class against the rest, or a grade from which a case counts as positive; it has the whole report of
a binary task. A binary task, a score and regions have no parts. A *region* is a mask or a mark.

Order of reading: ``scored_cases``, ``tops``, ``weighed``, ``kinds``, ``multilabel``,
``multiclass``, ``ordinal``, ``regions``, ``matched_marks``, ``few_regions_apart``,
``segmentation``, ``localisation``, ``judged``, ``released``, ``first_look``.
"""
