# What takes long: a load of many requests, and every filter over many steps.

SOAK_REQUESTS ?= 1000000
SOAK_STREAMS ?= 10000
SOAK_STEPS ?= 10000000

.PHONY: soak
soak: setup ## a million requests over 10,000 streams, and 1e7 steps of every filter: nothing may grow or drift
	$(BIN)/python -m benchmarks.soak --requests $(SOAK_REQUESTS) --streams $(SOAK_STREAMS) --steps $(SOAK_STEPS)

.PHONY: siege
siege: setup ## a minute of callers that hold on to connections, calls and answers: others are served, memory comes back
	$(BIN)/python -m benchmarks.siege

KILLS ?= 1000

.PHONY: chaos
chaos: setup ## kill predictors and stores 1,000 times on each store while clients send: every answer as if nothing had been
	for store in sqlite valkey sentinel; do $(BIN)/python -m tests.durability.chaos $$store --kills $(KILLS) || exit 1; done

.PHONY: mutants
mutants: setup ## put small faults into the rules of exactly once, one at a time, and print those that no test notices
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/mutants.txt
	$(BIN)/python -m tools.mutants
