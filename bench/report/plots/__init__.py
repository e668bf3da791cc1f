"""The pictures of the page, one a file: inline SVG that takes its colours from the page and its width from the screen."""
