# Names are the manual. Each target is one line of cargo or one script.
.PHONY: run test check sync bench fmt package keys deploy test-deploy
.DEFAULT_GOAL := run

run: ## The whole system on this machine
	cargo run

test: ## Everything that is tested, on both targets
	./tests/run

check: ## What a change has to pass before its tests are worth running
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo run --quiet --locked -p infra -- check
	./infra/lint
	./tests/audit

sync: ## Writes what is derived from the manifest
	cargo run --quiet -p infra -- sync
	cargo fmt --all

package: ## What is deployed: every function, zipped, in target/package
	./infra/package

# The parameter file of a deployment: infra/parameters.example.yaml is one to start from.
PARAMETERS ?= infra/parameters.yaml

keys: ## A signing key for every kind of token that has none yet, in SSM and in PARAMETERS
	./infra/keys "$(PARAMETERS)" create

deploy: package ## Deploys by PARAMETERS to the AWS account of your environment
	./infra/deploy "$(PARAMETERS)"

test-deploy: package ## Deploys to an emulator of AWS and runs the scenarios there
	./tests/test-deploy

bench: ## Prints tables; nothing is asserted (docs/measurements.md)
	./infra/package hello-lambda
	cargo run --release --locked -p bench -- target/x86_64-unknown-linux-gnu/lambda

fmt:
	cargo fmt --all
