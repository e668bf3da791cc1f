"""The pictures of the page, one a file: inline SVG, as wide as the screen allows, in the page's own colours."""
