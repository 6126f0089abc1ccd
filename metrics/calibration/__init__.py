"""Calibration error, curves, recalibration, Brier score."""
