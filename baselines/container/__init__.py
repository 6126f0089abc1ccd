"""What a model's image holds."""
