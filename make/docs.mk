# The site: README's pages and the Python reference.

.venv/.docs: .venv/.ready requirements/docs.txt
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/docs.txt
	@touch $@

.PHONY: docs
docs: .venv/.docs ## make the site of docs/ in build/site
	@$(BIN)/python -m sphinx -W --keep-going -q -c docs . build/site
	@echo "build/site/docs/index.html"

.PHONY: readme
readme: setup ## write the summary of the demo into README.md
	@$(WITH_PREDICTOR) -- $(BIN)/python -m tools.readme_summary $(CLIENT) replay $(DEMO) --target {grpc} --plain

.PHONY: notebook
notebook: .venv/.docs ## run examples/nile.ipynb beside a predictor, and keep what it shows
	@$(WITH_PREDICTOR) -- env STREAM_FILTERS_TARGET={grpc} $(BIN)/python -m tools.notebook
