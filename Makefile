# The telephone system, from a bare Debian or Ubuntu: `make up`, then `make test`.
# Every line that begins with `name: ## …` is a target; `make help` prints them.

PBX := ./operations/run
.DEFAULT_GOAL := help
.PHONY: help up down status logs call explain apply demo mail-test test bench faults lint pins

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PBX_SWITCH=simulator|freeswitch|external chooses the switch, FREESWITCH_BIN names its program,"
	@echo "  PBX_PORTS=27000 moves all ports (a second clone on one machine)."

up: ## install what is missing, start everything, wait until it is healthy, print where it is
	@$(PBX) up

down: ## stop everything that `make up` started; data and mail stay
	@$(PBX) down

status: ## how each process is, and why one is not ready
	@$(PBX) status

logs: ## follow all logs (only one: make logs P=routing)
	@$(PBX) logs $(P)

call: ## click-to-dial over HTTP: make call FROM=anna TO=22
	@$(PBX) call "$(FROM)" "$(TO)"

explain: ## why it rings where it rings: make explain FROM=21 TO=22 AT="2026-12-24 15:00", or CALL=<id>
	@$(PBX) explain "$(FROM)" "$(TO)" "$(AT)" "$(CALL)" "$(COMPANY)"

timetable: ## where calls go in a week, as a picture: make timetable OF=22 WEEK=2026-W52
	@$(PBX) timetable "$(OF)" "$(WEEK)" "$(FROM)" "$(COMPANY)"

apply: ## a company from a file: make apply FILE=company.yaml (PLAN=1 only shows, PRUNE=1 deletes; EXPORT=domain)
	@$(PBX) apply "FILE=$(FILE)" "PLAN=$(PLAN)" "PRUNE=$(PRUNE)" "KEEP=$(KEEP)" "ORDER=$(ORDER)" "DISCARD=$(DISCARD)" \
		"EXPORT=$(EXPORT)" "SECRETS=$(SECRETS)"

mail-test: ## one mail by the suite's settings, and what the server says to each step: make mail-test TO=you@example.com
	@$(PBX) mail-test "$(TO)"

demo: ## a call, a voicemail, its mail, the lamps, a click: played and told as a timeline
	@$(PBX) demo

test: ## lint, unit tests, then every story on the simulator and on FreeSWITCH where there is one
	@$(PBX) test

bench: ## measure; writes var/report/bench.json
	@$(PBX) bench

faults: ## break it on purpose and count what is lost; writes var/report/faults.json (F=click COUNT=5)
	@$(PBX) faults "F=$(F)" "COUNT=$(COUNT)"

lint: ## ruff, mypy, import-linter
	@$(PBX) lint

pins: ## pin requirements*.in anew, with hashes
	@$(PBX) pins
