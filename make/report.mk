REPORT_SCENARIOS ?= kalman-demo ar-demo mixture-demo

.PHONY: report
report: setup ## make build/report.html and .png of a replay; REPORT_SCENARIOS="kalman-jump ..."
	mkdir -p build
	$(WITH_PREDICTOR) -- $(BIN)/stream-filters replay $(REPORT_SCENARIOS) --target {grpc} --quiet --save build/run.json
	$(BIN)/stream-filters report build/run.json --output build/report.html --png build/report.png
