.PHONY: pictures
pictures: setup ## make the pictures of the docs from real runs (needs Chromium)
	$(BIN)/python -m tools.pictures $(BIN)/stream-filters docs/images kalman-demo ar-demo mixture-demo
	$(BIN)/python -m tools.dashboard_picture $(BIN)/stream-filters docs/images/dashboard.png kalman-demo ar-demo mixture-demo

.PHONY: version
version: setup ## write the version in VERSION wherever else one has to stand
	$(BIN)/python -m tools.version

.PHONY: settings-page
settings-page: setup ## write the table of docs/settings.md
	$(BIN)/python -m tools.settings_page

.PHONY: model-tables
model-tables: setup ## write the filters' outputs and settings into docs/models.md
	$(BIN)/python -m tools.model_tables
