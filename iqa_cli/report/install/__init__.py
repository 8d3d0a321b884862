"""What was found of an installation, on a screen and as JSON."""
