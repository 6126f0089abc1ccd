"""The mapping table of descriptions to LOINC codes.

**LOINC map**: what a modality and a description mean, as a table of the commons says it.

Order of reading: ``loinc_map``, ``faults``.
"""
