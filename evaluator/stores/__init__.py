"""The enclave and the installation."""
