"""The index: inventory, linkage, LOINC, study values."""
