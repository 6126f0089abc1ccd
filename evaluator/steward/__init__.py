"""Match, seal, sequester, the card."""
