"""What every page is rendered with: the templates, their filters, the static files.

Order of reading: ``environment``.
"""
