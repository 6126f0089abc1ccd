"""Claims of a study: their bounds, the procedure that decides, the error of each bound.

**Claim**: something that must hold, declared before the cases are scored. **Part**: one bound
against one goal; a claim holds where all its parts do. **Level**: the one-sided chance of error
that a bound is made for. **Look**: one charged test of a submission against the whole study.

Order of reading: ``spending``, ``claim``, ``tango``, ``shares``, ``areas``, ``bounds``,
``procedures``, ``kernels``, ``studies``, ``needed``, ``at_goal``, ``error``.
"""
