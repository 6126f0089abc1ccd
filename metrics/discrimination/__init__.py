"""AUROC, average precision, partial areas, DeLong, several classes.

**Discrimination**: positive cases score above negative ones, whatever the scale.

Order of reading: ``curves``, ``delong``, ``roc_intervals``, ``multiclass``.
"""
