"""The look that boards, reports and the pages of a team share.

Order of reading: ``stylesheet``, ``templating``, ``dates``.
"""
