.PHONY: pictures
pictures: setup ## make the pictures of the docs from real runs (needs Chromium)
	$(BIN)/python -m tools.pictures $(BIN)/stream-filters docs/images kalman-demo ar-demo mixture-demo
	$(BIN)/python -m tools.dashboard_picture $(BIN)/stream-filters docs/images/dashboard.png kalman-demo ar-demo mixture-demo

.PHONY: model-tables
model-tables: setup ## write the filters' outputs and settings into docs/models.md
	$(BIN)/python -m tools.model_tables
