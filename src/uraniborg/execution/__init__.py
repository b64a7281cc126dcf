"""Running quantum graphs on a pool of persistent workers; knows no particular task."""
