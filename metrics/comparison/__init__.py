"""Two submissions or a whole board on the same cases."""
