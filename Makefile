# Two commands on a fresh machine: `make demo` and `make test`. Both install what is missing.
NPM ?= npm

.PHONY: help test demo install

help:
	@echo 'make demo   a private database server, simulated bidders and a page of live auctions'
	@echo 'make test   install what is missing, then run every check and every test'
	@echo 'make help   this text'

test: install
	@$(NPM) run --silent prepare:test
	@$(NPM) test --silent

demo: install
	@$(NPM) run --silent prepare:demo
	@$(NPM) run --silent demo

install: node_modules/.package-lock.json

# npm itself writes this file at the end of an installation.
node_modules/.package-lock.json: package.json package-lock.json
	@command -v $(NPM) >/dev/null || { echo 'npm not found: install Node.js 20 or newer with npm.' >&2; exit 1; }
	@echo 'installing npm packages (about a minute)'
	@$(NPM) ci --loglevel=error
	@touch $@
