"""What is true of one camera only; one folder for each camera."""
