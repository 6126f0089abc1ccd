"""The command that makes a catalog of a commons.

Order of reading: ``index``.
"""
