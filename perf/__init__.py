"""Side-by-side timings against peers, and the coverage study; not tests."""
