"""The movers: they drain the log into Postgres, rebuild, watch and repair, and serve the command line."""
