# `make test` is what continuous integration runs; the work itself is in scripts/.
.PHONY: help setup build run test bench fmt clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: ## install what building and testing needs into .tools and node_modules (the others do it first, as far as they need it)
	@scripts/setup.sh

build: setup ## build the native program, the Worker and the npm package
	@scripts/build.sh

run: ## run the Worker on this computer
	@scripts/setup.sh run
	@scripts/run.sh

test: setup ## check formatting and lints, and run every test
	@scripts/test.sh

bench: setup ## measure speed and size
	@scripts/bench.sh

fmt: ## format the Rust code
	@cargo fmt --all

clean: ## remove what was built; .tools and node_modules stay
	@rm -rf target build pkg/wasm src/worker/build .wrangler *.tgz pkg/*.tgz
