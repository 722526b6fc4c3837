"""Who comes in and what may pass: hosts, origins and sizes, sessions and passwords."""
