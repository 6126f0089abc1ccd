"""The web process of an installation: its address, its application, its server."""
