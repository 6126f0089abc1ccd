"""Inclusion rules, labels, the flow diagram."""
