"""The read models: pure folds from Stripe's events to the rows that analysts query."""
