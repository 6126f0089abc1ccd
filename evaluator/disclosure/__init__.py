"""What may leave: suppression, rounding, probing."""
