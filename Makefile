# Each target says what it does; `make` alone lists them.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STATIC  := CGO_ENABLED=0 $(GO)
BUILD   := $(STATIC) build -trimpath -ldflags "-s -w -X main.release=$(VERSION)"

.PHONY: help go build demo run test torture deps lint fmt vuln fuzz domains pictures widget bench bench-web cover image clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: go ## Build the static binary, bin/leadrelay.
	@test -e bin/leadrelay || echo "The first build compiles SQLite, too, and says nothing for two or three minutes."
	$(BUILD) -o bin/leadrelay ./cmd/leadrelay

# An old Go has no clear word for a go.mod of today's.
go:
	@$(GO) version | grep -Eq 'go1\.(2[6-9]|[3-9][0-9])' || { \
		echo "leadrelay is built with Go 1.26.6 or later. Go 1.21 or later fetches it by itself, unless GOTOOLCHAIN" >&2; \
		echo "says otherwise (go env GOTOOLCHAIN). Your distribution's may be older: see https://go.dev/dl" >&2; exit 1; }

demo: build ## Run the relay, a property page and a pretend EasyBroker on this machine.
	bin/leadrelay demo

run: build ## Run the relay with the settings of the environment.
	bin/leadrelay serve

# SQLite's C, as Go, is not ours to watch: with the detector in it, whatever keeps a lead
# takes three times as long. Only a package without generic code can be left out: its
# copy of that may become everybody's.
RACE := -race -gcflags='modernc.org/sqlite/lib=-race=false'

# First what can race, with the detector, and a sample of the torture: a test of days in
# virtual time, of one goroutine, a million of something or each byte of a file has nothing
# to race with and leaves it out (-short). Then, without it, the tests of the whole binary,
# where the relay of the stories has the detector on a file, and what was left out. What
# has many rows, or many rounds, has a sample of them here, and all in make torture; there
# is the detector in all of the torture, too, and in a process that is killed and besieged.
# What has no detector is compiled as the relay is that goes out, so it is compiled once,
# the container image included.
test: go deps ## Run every test, with the race detector; installs what they need.
	GORACE=atexit_sleep_ms=50 $(GO) test $(RACE) -short $(TEST) $(LONGEST) $$($(GO) list ./... | grep -vE '$(subst $(space),|,$(WHOLE))')
	$(GO) build $(RACE) -o bin/race/leadrelay ./cmd/leadrelay
	$(STATIC) build -trimpath -ldflags '-s -w' -o bin/plain/leadrelay ./cmd/leadrelay
	LEADRELAY_BIN=$(CURDIR)/bin LEADRELAY_KILL_ROUNDS=30 $(STATIC) test -trimpath $(TEST) ./internal/e2e/process $(addsuffix /...,$(addprefix .,$(WHOLE)))
	$(STATIC) test -trimpath $(TEST) -run '^($(subst $(space),|,$(LEFT_OUT)))$$' $(SHORTENED)

# The tests of the whole binary and of the image, and of the measurements.
WHOLE := /internal/e2e /internal/bench /deploy/imagetest

# Whoever takes longest begins first.
LONGEST := ./internal/store ./internal/courier ./internal/e2e/torture

SHORTENED := ./cmd/leadrelay ./internal/alerts ./internal/console ./internal/courier ./internal/courier/verify ./internal/fakebroker ./internal/flood ./internal/intake ./internal/notify ./internal/store
LEFT_OUT := TestABackupThatIsCopiedOverIsNoticed TestACutFileIsLost TestADamagedLogStopsTheStart TestADayOfBytes \
	TestADayOfBytesOfNewSenders TestADriftOfThousands TestAFlappingBrokerIsNotTakenForAWorkingOne \
	TestAFloodCostsNoMoreThanItSends TestAFloodOfOthersFreesNobodyEarly TestAHealthyDatabaseStarts \
	TestAHookThatIsGoneIsSwitchedOff TestALastTransactionWithHolesIsNoDamage \
	TestALeadIsTriedAfterALongPause TestALeadTakes16kB TestALeadThatIsNeverTakenIsGivenUpAlone \
	TestALeadThatIsNotDeliveredByItsDeadlineWaitsForAPerson TestALeadThatWaitsIsAMailAndThenAnother \
	TestAListOfManyPagesIsReadInHalves TestALogOfAnotherStateStopsTheStart TestALongReconciliation \
	TestAMillionAddresses TestAMillionErased TestAPauseByHandOutlastsTheDeadline TestAPausedSiteRemembersNotTooMuch \
	TestARevokedKeyFailsNoLeadAndIsProbedGently TestASiteWhoseEveryRequestIsRefusedKeepsItsLeads \
	TestATornEndIsNoDamage TestATroubledSiteDelaysNoOther TestAnErasedLeadIsInNoFile TestAnExportHoldsOnePage \
	TestAnInterruptedTransferGoesOn TestAnswersAreAsDescribed TestEveryAttemptHasItsSentence TestEveryByteOfTheLogIsWatched \
	TestEveryStateAndReasonHasItsSentence TestFiveUnsureEndsInARowOpenTheBreaker TestGuessersFromEverywhere \
	TestHalfABlockIsNotLeftBehind TestIntentsRunAheadOfAFastBrokerOnly TestKeysAreForgotten \
	TestLeadsThatComeAndGoLeaveLittleBehind TestManyLeads TestManySitesOnThreeReplicas TestNewBlocksBecomeALargeOne \
	TestNothingReadsAllLeads TestOneAgencysTroubleDelaysNoOther TestPostgres TestRecentLeadsAreBounded \
	TestReplayingTwiceDeliversOnce TestSQLite TestSQLiteAfterADeath TestSettingsOfADatabase TestSilenceIsNoiseOnceAYear \
	TestSitesWithOneKeyShareItsPaceInTurn TestStatsAreTransferred TestTenThousandAttempts \
	TestTheBookForgetsTheOldest TestTheDiskTakesWhatTheGateCounts TestTheEndOfThreeDaysSwitchesOff \
	TestTheIndexOfALeadIsBounded TestTheLeadsOfAFormerVersionAreCounted TestTheMarkdownHasNoDeadLink TestTheRateHoldsWhateverWaits TestTransfer \
	TestTransfersThatAreRefused TestWhatWasDueInABackupIsDoubtful TestWhatWasRefusedBeforeAPauseIsBounded \
	TestWhoComesInWhileABacklogDrainsGoesFirst TestWhoMayWhat
space := $() $()

# Only make lint vets.
TEST := -vet=off -shuffle=on -timeout 30m

torture: deps bin/caddy ## Every fault at every instant, in full; takes a while.
	$(IN_FULL) ./internal/e2e/torture
	$(IN_FULL) -run 'TestStoriesOnPostgreSQL|TestEightFaults|TestABrokenDisk|TestAFullDisk|TestATenthOfAProcessor|TestKill9|TestGoodVisitorsUnderSiege|TestACrowdKeeps|TestTheMemoryIsBounded|AProxy|TestRubbishCosts|TestAFailOver|TestAFloodFromMany|TestSearchesKeep|TestAMillionErased|TestAPersonAmong|TestLeadsThatComeAndGo|TestCheckpointsAreNoAlarm|TestSQLite|TestPostgres|TestSettingsOfADatabase|TestLighthouse|TestTheWidgetLooksAtHome|TestTheWidgetOnAPageThatAFramework|TestHostedPages|TestTheOperatorsConsole|TestTheOperatorsPages' \
		./internal/e2e/process ./internal/e2e/browser ./internal/e2e/stories ./internal/store ./cmd/leadrelay
	$(GO) test $(RACE) -count=1 -p 1 -timeout 1h ./internal/e2e/... ./internal/courier/... ./internal/notify ./internal/store ./internal/console

IN_FULL := LEADRELAY_TORTURE=full LEADRELAY_SEEDS=10000 LEADRELAY_KILL_ROUNDS=300 $(GO) test -count=1 -p 1 -timeout 3h -v

# Of the Caddyfile's two halves, a distribution's Caddy may need the old one.
bin/caddy:
	GOBIN=$(CURDIR)/bin $(GO) install -ldflags '-s -w' github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9

deps: ## Install a C compiler (for -race), browsers, Node.js, an image builder and proxies, where they are missing.
	@deploy/test-deps.sh

lint: ## Check formatting, go vet, staticcheck and go.mod.
	@test -z "$$(gofmt -l .)" || { echo "Not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	$(GO) mod verify

vuln: ## Look for known vulnerabilities in what the binary is made of; VULNDB=file:///… works offline.
	$(GO) tool govulncheck $(if $(VULNDB),-db $(VULNDB)) -scan package ./cmd/...

fmt: ## Format the code.
	gofmt -w .

fuzz: ## Fuzz each parser for a while; FUZZTIME=5m for longer.
	@deploy/fuzz.sh $(or $(FUZZTIME),30s)

domains: ## Bring the list of disposable mail domains up to date; needs npm.
	@deploy/disposable-domains.sh

pictures: ## Take the READMEs' pictures anew, of the demo in a browser.
	LEADRELAY_PICTURES=$(CURDIR)/web/pictures $(GO) test -count=1 -run TestPictures ./internal/e2e/browser

widget: ## Make the scripts that go out of those in web/widget; needs npm.
	LEADRELAY_BUILD=1 $(GO) test -count=1 -run 'TestTheWidgetIsBuilt$$' ./internal/e2e/browser

bench: build ## Measure: accepts, memory, start, size, cost of a claim. Wants an idle machine.
	$(GO) run ./internal/bench

bench-web: deps build ## Measure the widget in a browser: size, time to the form, script, layout shift.
	$(GO) run ./internal/bench -only web

cover: ## Show how much of the code the tests reach.
	$(GO) test -coverprofile=cover.out ./... && $(GO) tool cover -func=cover.out | tail -1

image: ## Build the container image with docker or buildah.
	$$(command -v docker || command -v buildah) build --build-arg VERSION=$(VERSION) -t leadrelay:$(VERSION) .

clean: ## Remove what was built.
	rm -rf bin cover.out
