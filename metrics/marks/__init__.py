"""Marks: places that a model points at, with a score each, matched to lesions.

**Mark**: a place with a score. **Hit**: the highest mark on a lesion. **False mark**: one on no
lesion. **Normal case**: one without a lesion. **FROC**: lesions found against false marks an image.
**AFROC**: chance that a lesion outranks the highest false mark of a normal case.

Order of reading: ``nearness``, ``matching``, ``study``, ``areas``, ``intervals``, ``figures``.
"""
