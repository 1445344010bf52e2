"""Plots as SVG text: pure, coloured by classes of the page's own style sheet."""
