"""Trains and calibrates.

**Operating point**: the threshold that the training recommends.

Order of reading: ``train``, ``calibrate``.
"""
