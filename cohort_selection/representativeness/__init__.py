"""Distance from a population, the cohort card.

**Card**: the page that describes a sealed cohort to its readers.

Order of reading: ``population``, ``distance``, ``card``, ``card_page``.
"""
