"""Events: written where they are noticed, and read by who tells them."""
