"""The one place that starts a container."""
