"""Inclusion rules, labels, the flow diagram.

**Reference standard**: the source of the label. **Flow diagram**: studies and patients left
after each rule.

Order of reading: ``criteria``, ``rules``, ``label_rule``, ``targets``, ``located``,
``flow_diagram``.
"""
