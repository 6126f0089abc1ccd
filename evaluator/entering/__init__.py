"""Enters a researcher's image and follows it: on a server, or on this machine."""
