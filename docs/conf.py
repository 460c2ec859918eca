"""How the site is made of README and docs: `make docs`."""

import stream_filters_client

project = "stream-filters"
author = copyright = "stream-filters contributors"  # noqa: A001 - Sphinx' own name
version = release = stream_filters_client.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
root_doc = "docs/index"
include_patterns = ["docs/*.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "charts/stream-filters/README.md"]
exclude_patterns = [".*", "build"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = f"stream-filters {version}"
html_copy_source = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
