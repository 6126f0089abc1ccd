"""Distance from a population, the cohort card."""
