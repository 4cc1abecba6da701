"""The embedded servers: a Valkey and a PostgreSQL of hooklog's own, for machines that have neither."""
