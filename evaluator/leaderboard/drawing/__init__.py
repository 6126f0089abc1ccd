"""Bars, plots and numbers of the pages and the report."""
