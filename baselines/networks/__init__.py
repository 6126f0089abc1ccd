"""DenseNet, radiomics, a network of volumes, heads.

**Logit**: the log odds that a network gives a case.

Order of reading: ``registry``, ``densenet``, ``volumes``, ``ordinal``, ``radiomics``.
"""
