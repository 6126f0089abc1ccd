"""Signs what the ledger holds, and verifies it: the key, heads of the audit chain, releases.

The key lies in the enclave, so the process that runs the queue signs and the web process cannot.

Order of reading: ``key``, ``signer``, ``verification``.
"""
