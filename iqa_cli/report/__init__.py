"""Renderers, a folder for each document, over what all share: screens, text made safe, output files."""
