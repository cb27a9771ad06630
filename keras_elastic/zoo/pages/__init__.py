"""Pages to look at: an entry as one HTML file that explains a choice.

`facts` says what is drawn of a plan, `describing` what is said of an entry,
and `exploring` puts that into `explore.html`, with its style and its script.
"""
