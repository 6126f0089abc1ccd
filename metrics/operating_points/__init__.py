"""Rates at one threshold, net benefit."""
