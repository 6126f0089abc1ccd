"""DenseNet, radiomics.

**Logit**: the log odds that a network gives a case.

Order of reading: ``registry``, ``densenet``, ``radiomics``.
"""
