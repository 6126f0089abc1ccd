"""The enclave and the installation.

**Enclave**: the hidden store. **Installation**: the folder with both stores.

Order of reading: ``installation``, ``enclave``, ``enclave_tables``, ``practice_cases``,
``installed_benchmarks``, ``cohort_cards``.
"""
