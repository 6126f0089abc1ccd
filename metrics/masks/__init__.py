"""Masks: how far a drawn mask agrees with the reference, and figures over cases.

**Mask**: the voxels of a lesion or organ. **Surface element**: the piece of surface between eight
neighbouring voxels, or of contour between four. **False mask**: one drawn where the reference has
none. **Missed mask**: none drawn where the reference has one.

Order of reading: ``surfaces``, ``kernels``, ``distances``, ``measures``, ``empty_rules``,
``figures``.
"""
