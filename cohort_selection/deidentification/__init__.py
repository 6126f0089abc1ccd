"""What a copy of an image keeps, rewrites and drops.

**Copy**: a new file with the pixels and a closed list of elements. **Kind**: the standard's
class of an image, such as CR or enhanced CT.

Order of reading: ``copy``, ``kinds``, ``needed``, ``rules``, ``elements``, ``terms``, ``codes``,
``numbers``, ``encoder_stamps``.
"""
