"""The dashboard: what an owner opens in the morning. It reads Postgres, and writes nothing anywhere."""
