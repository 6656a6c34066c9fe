"""Pages of HTML that need no network: what they look like and how they are drawn."""
