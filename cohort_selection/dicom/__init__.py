"""Headers: elements, doubts, description of pixels, studies."""
