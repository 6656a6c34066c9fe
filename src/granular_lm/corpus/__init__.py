"""From files to documents, and what one wants to know of them before training."""
