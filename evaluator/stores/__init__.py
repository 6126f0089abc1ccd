"""The enclave and the installation.

**Enclave**: the hidden store. **Installation**: the folder with both stores.

Order of reading: ``installation``, ``enclave``, ``enclave_tables``, ``answers``, ``case_loads``,
``decided``, ``study_verdicts``, ``practice_cases``, ``installed_benchmarks``, ``held_results``,
``cohort_cards``.
"""
