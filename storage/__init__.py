"""SQLite: all SQL of the project lives here. Functions take the database first and return frozen records."""
