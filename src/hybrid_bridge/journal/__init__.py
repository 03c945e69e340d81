"""What survives a crash: the order journal and the tick cursors, SQLite on disk."""
