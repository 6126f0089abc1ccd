"""Match, seal, sequester, the card.

**Cut**: a commons as a benchmark divides it.

Order of reading: ``file_check``, ``foreseen``, ``steward``, ``next_draw``, ``pool``, ``claimed``,
``study``, ``addenda``, ``public_card``, ``card``.
"""
