"""The one reader of pixels, the container's too."""
