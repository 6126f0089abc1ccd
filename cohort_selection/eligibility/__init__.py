"""Inclusion rules, labels, the flow diagram.

**Reference standard**: the source of the label. **Flow diagram**: studies and patients left
after each rule.

Order of reading: ``criteria``, ``sieve``, ``rules``, ``label_rule``, ``nearest_test``,
``targets``, ``located``, ``flow_diagram``.
"""
