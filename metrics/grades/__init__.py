"""Agreement of ordinal grades."""
