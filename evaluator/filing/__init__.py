"""The report as filed: one PDF (PDF/A-3a and PDF/UA-1) with the signed release inside, and annexes.

A PDF is made of a release, its signature and the audit chain, and of nothing else: the same inputs
give the same bytes.

Order of reading: ``filed``, ``content``, ``results``, ``independence``, ``annexes``,
``model_card``, ``blocks``, ``letters``, ``typesetting``.
"""
