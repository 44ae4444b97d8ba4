# Names are the manual. Each target is one line of cargo or one script.
.PHONY: run test check sync bench fmt
.DEFAULT_GOAL := run

run: ## The whole system on this machine
	cargo run

test: ## Everything that is tested, on both targets
	./tests/run

check: ## What a change has to pass before its tests are worth running
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo run --quiet --locked -p infra -- check
	./tests/audit

sync: ## Writes what is derived from the manifest
	cargo run --quiet -p infra -- sync
	cargo fmt --all

bench: ## Prints tables; nothing is asserted (docs/measurements.md)
	cargo build --profile lambda --locked -p profile -p invite -p checklist -p billing -p api -p hello-lambda --bins
	cargo run --release --locked -p bench -- target/lambda

fmt:
	cargo fmt --all
