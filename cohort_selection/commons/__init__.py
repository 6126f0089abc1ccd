"""Makes a commons: imported pictures, a simulation."""
