"""Draws a chest in Hounsfield units and writes it as a CT series.

**Tomogram**: a volume with its geometry, as one series.

Order of reading: ``chest_volume``, ``tomogram``.
"""
