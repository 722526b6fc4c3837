"""The active-learning loop: what comes next, running it in one go, how much better it got."""
