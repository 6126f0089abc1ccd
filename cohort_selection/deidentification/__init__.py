"""What a copy of an image keeps, rewrites and drops."""
