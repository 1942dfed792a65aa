"""Questions that move nothing: why, what, how many, and is it all there."""
