"""What is inside an instance."""
