"""Weights that bring a cohort to its target population."""
