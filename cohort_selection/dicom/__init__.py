"""Headers: elements, doubts, description of pixels, studies.

**Header**: all elements of a file but its pixels. **Doubt**: a value that cannot be true, such
as a date that no calendar has.

Order of reading: ``studies``, ``header``, ``keywords``, ``elements``, ``element_walk``,
``compiled_walk``, ``pixel_description``, ``doubts``, ``made_uid``.
"""
