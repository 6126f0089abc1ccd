"""The [cohort] table and target files."""
