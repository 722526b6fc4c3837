"""What somebody typed, and what to type next: flags, the words before they are any, paths, help."""
