"""The same picture twice, shortcuts, burned-in text."""
