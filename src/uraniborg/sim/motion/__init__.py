"""What moves: the observer, stars with parallax, bodies of the Solar System, satellites."""
