"""Distance from a population, the cohort card.

**Card**: the page that describes a sealed cohort to its readers.

Order of reading: ``population``, ``distance``, ``planned_row``, ``card``, ``card_page``.
"""
