"""The subcommands of `hooklog`, one job a module."""
