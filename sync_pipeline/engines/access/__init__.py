"""How engines decide what an account may do: the contract, and what they share."""
