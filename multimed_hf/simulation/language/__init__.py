"""Reports, and questions about images."""
