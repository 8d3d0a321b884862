"""The audit as one page to look at: a self-contained HTML file that needs no network, no server and no other program.

`writer` takes reports as they come and puts the page together at the end, `charts` counts and lays out distributions,
`words` has the texts. `page.html.j2` is the template; `page.js` and the style of all pages are written into the page.

`notebook` (with `notebook.html.j2`) shows one report by itself, in the same words.
"""

MARK = "iqa audit page, format_version"
"""In the page's second line, before the number: what iqa wrote itself it may replace."""
