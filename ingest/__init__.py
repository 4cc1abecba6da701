"""The front door: verifies Stripe's deliveries and appends them, once, to the event log in Redis."""
