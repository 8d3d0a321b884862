"""The comparison as one page to look at: pairs side by side, one over the other, or in turn.

`writer` puts it together. `page.html.j2` is the template; `page.css` and `page.js` are written into the page,
behind the style of all pages.
"""

MARK = "iqa comparison page, format_version"
"""In the page's second line, before the number: what iqa wrote itself it may replace."""
