"""What a test does with a part of the product: make things, and read them back."""
