"""Facts as Stripe shapes them: a module an object, in each API version."""
