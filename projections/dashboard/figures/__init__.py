"""All figures, a module for each kind; adding one adds a description and nothing else."""
