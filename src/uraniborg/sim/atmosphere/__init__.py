"""What the air does to the light: refraction by colour, turbulence, clouds, the brightness of the night sky."""
