"""Cells and rows of a predictions.csv, which a container wrote and nobody trusts.

Words: a *cell* is what stands between two commas. A *region* is a row that marks something in one
picture: a mask or a mark.

Order of reading: ``cells``, ``regions``.
"""
