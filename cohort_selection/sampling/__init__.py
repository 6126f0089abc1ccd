"""Cube method, raking, joint tables, random streams.

**Cell**: one combination of levels. **Cube method**: a random rounding that keeps every margin.

Order of reading: ``joint_table``, ``raking``, ``cube_method``, ``association``, ``randomness``.
"""
