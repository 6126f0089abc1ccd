"""Headers: elements, doubts, description of pixels, studies.

**Header**: all elements of a file but its pixels. **Doubt**: a value that cannot be true, such
as a date that no calendar has.

Order of reading: ``studies``, ``header``, ``keywords``, ``elements``, ``pixel_description``,
``doubts``, ``made_uid``.
"""
