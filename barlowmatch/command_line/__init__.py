"""What somebody typed: flags, the words before they are any, and the paths they name."""
