"""Buckets and folders by one client of the extra `scale`: places, objects read as photos, objects written once."""
