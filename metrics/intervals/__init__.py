"""Methods for intervals: proportions, influence, MOVER, figures near 0 and 1."""
