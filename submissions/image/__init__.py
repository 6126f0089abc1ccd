"""Archives and images: layout, layers, what is refused."""
