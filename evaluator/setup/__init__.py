"""Sets up the environment and a container engine."""
