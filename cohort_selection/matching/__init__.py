"""Draws a cohort to a target; what can be drawn; sample size."""
