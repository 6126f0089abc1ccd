"""Tables of scores and labels for ``score``."""
