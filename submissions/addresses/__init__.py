"""Addresses of databases, engines and trackers."""
