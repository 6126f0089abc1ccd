"""Cases that a study needs and the power that it has, by the bounds and procedure that decide.

Rates are sums over outcomes and exact over the saw-tooth: the first size from which every larger
one has the power. AUROCs, and claims together, are simulated with the kernels of
``metrics.claims``, and their error goes with them.

**Truth**: what a plan takes a figure to be, with what its variance depends on. **Shape**: a cohort
of any size. **Power**: the chance that a claim is met.

Order of reading: ``truth``, ``proportions``, ``paired_shares``, ``saw_tooth``, ``simulated``,
``joint``, ``exact``, ``sizes``, ``needed_cases``, ``widths``.
"""
