"""Calibration error, curves, recalibration, Brier score.

**Calibrated**: of the cases with prediction p, a share p is positive. **Residual**: y - p of
one case.

Order of reading: ``errors``, ``recalibration``, ``curves``, ``noise``, ``smooth``,
``ece_interval``, ``curve_intervals``.
"""
