package exporter

import "strings"

// readersChoice fills in what documents leave to their reader, and moves paths outside the test's own folder into it.
func readersChoice() *strings.Replacer {
	return strings.NewReplacer(
		"docker run --rm --mount=type=bind,source=/srv/catalyst,target=/deployment,readonly catalyst_exporter", "catalyst_exporter",
		"--deployment.root=/deployment", "--deployment.root=.",
		"/etc/prometheus/rules/", "$WORLD/",
		"/var/lib/catalyst_exporter", "$WORLD/state",
		"/tmp/mine", "$WORLD/mine",
		"/tmp/shop", "$WORLD/shop",
		"--timeout=2h", "--timeout=1ms",
		"--sign-with=KEY", "--sign-with=$HOME/.ssh/id_ed25519",
		"--by=…", "--by=you@your.org",
		"--role=…", "--role=devops_lead",
		"--issues=…", "--issues=none",
		"--version=…", "--version=1.5.0",
		"--commit=…", "--commit=$SHA",
		"--config.file=…", "--config.file=catalyst.yml",
		"--dsn=…", "--dsn=postgres://drill@localhost/postgres",
	)
}

// Preparations of a folder. The newest backup of the example deployment is truncated, and the copy of the other one looks
// unfinished: it is seconds old. `deploy record` refuses both.
const (
	recorded = `
rm backups/daily/daily_20261123.sql.gz
touch -d '1 hour ago' backups/daily/daily_20261122.sql.gz
catalyst_exporter deploy plan --version=1.3.0 --commit=$SHA --by=you@your.org
catalyst_exporter deploy record --by=you@your.org
catalyst_exporter deploy plan --version=1.4.0 --commit=$NEXT --by=you@your.org
catalyst_exporter deploy record --by=you@your.org
`
	plan    = "catalyst_exporter deploy plan --version=1.5.0 --commit=$SHA --by=you@your.org\n"
	signers = `
for who in you manager security ada security-1; do
	echo "$who@your.org $(cut -d' ' -f1,2 <$HOME/.ssh/id_ed25519.pub)"
done >allowed_signers
cat >catalyst.yml <<end
attestations:
  allowed_signers: allowed_signers
  roles:
    - {role: devops_lead, principals: [you@your.org]}
    - {role: engineering_manager, principals: [manager@your.org]}
    - {role: security_review, principals: ["security*@your.org"]}
end
`
)

var printedDocuments = []printedDocument{
	{name: "docs/history.md", in: "shop", lines: []printedLine{
		{text: "catalyst_exporter serve --state.directory=/var/lib/catalyst_exporter", serves: true},
	}},
	{name: "README.md", in: "shop", setup: recorded + "ln -s ../examples examples", lines: []printedLine{
		{text: "go run . --deployment.root=examples/deployment", serves: true},
		{text: "go run . check --deployment.root=examples/deployment", exit: ExitFailing},
		{text: "go run . check --config.file=examples/web-service/catalyst.yml", exit: ExitFailing},
		{text: "go run . check --config.file=/tmp/mine/catalyst.yml", exit: ExitFailing},
		{text: "go run . check --config.file=/tmp/mine/catalyst.yml", exit: ExitFailing},
		{text: "go run . rules >catalyst.rules.yml"},
		{text: "catalyst_exporter check --gate=pre", exit: ExitFailing},
		{text: "catalyst_exporter deploy plan --version=1.5.0 --commit=$SHA --by=you@your.org"},
		{text: "catalyst_exporter attest devops_lead --by=you@your.org --sign-with=$HOME/.ssh/id_ed25519"},
		{text: `catalyst_exporter deploy record --by=you@your.org --issues="slow first request"`},
		{text: "catalyst_exporter wait --gate=post --timeout=2h", exit: ExitFailing},
		{text: "catalyst_exporter deploy rollback --by=you@your.org"},
	}},
	{name: "docs/challenge.md", in: "shop", setup: "ln -s ../examples examples", lines: []printedLine{
		{text: "catalyst_exporter challenge --config.file=examples/web-service/catalyst.yml --scratch=/dev/shm"},
	}},
	{name: "docs/evidence.md", in: "shop", lines: []printedLine{
		{text: "catalyst_exporter check --item=tests_passing --item=test_coverage --item=lint", exit: ExitFailing},
	}},
	{name: "docs/image.md", in: "shop", lines: []printedLine{
		{text: "docker run --rm --read-only --cap-drop=ALL --security-opt=no-new-privileges --publish=127.0.0.1:10460:10460 --mount=type=bind,source=/srv/catalyst,target=/deployment,readonly catalyst_exporter",
			notRun: "packaging/image_test.go builds the image and runs it"},
		{text: "docker run --rm --mount=type=bind,source=/srv/catalyst,target=/deployment,readonly catalyst_exporter check --deployment.root=/deployment", exit: ExitFailing},
		{text: "catalyst_exporter healthy", notRun: "it asks an exporter at its default port: TestHealthy runs it at another"},
	}},
	{name: "docs/kubernetes.md", lines: []printedLine{
		{text: "catalyst_exporter rules --format=crd"},
	}},
	// A backup that was just written counts as unfinished for a while.
	{name: "docs/pipeline.md", in: "shop", setup: "touch -d '1 hour ago' backups/daily/*", lines: []printedLine{
		{text: "catalyst_exporter check --format=json --output=last.json", exit: ExitFailing},
		{text: "catalyst_exporter check --baseline=last.json"},
		{text: "catalyst_exporter check --gate=pre --attest-out=gate.json --sign-with=signing.pem", notRun: ofStatements},
		{text: "catalyst_exporter verify gate.json --key=signing.pub --commit=FULL_COMMIT", notRun: ofStatements},
		{text: "catalyst_exporter check --format=prometheus --output=/var/lib/node_exporter/textfile/catalyst.prom", notRun: "the folder is node_exporter's"},
		{text: "catalyst_exporter check --format=prometheus --output=catalyst.prom", exit: ExitFailing},
	}},
	{name: "docs/own-checklist.md", in: "mine", setup: "cp ../shop/DISASTER-RECOVERY.md .", lines: []printedLine{
		{text: "catalyst_exporter checklist draft CHECKLIST.md --output=checklist.yml", notRun: "it replaces the checklist of the next commands: TestScripts/checklist_draft runs it"},
		{text: "catalyst_exporter checklist draft LIST.md --output=checklist.yml", notRun: strangersPath},
		{text: "catalyst_exporter config check --config.file=catalyst.yml", notRun: strangersPath},
		{text: "catalyst_exporter check --config.file=catalyst.yml", notRun: strangersPath},
		{text: "catalyst_exporter attest support_team_trained --by=you@example.org --valid-for=90d --config.file=catalyst.yml", notRun: strangersPath},
		{text: "catalyst_exporter check --config.file=catalyst.yml", notRun: strangersPath},
		{text: "catalyst_exporter report --config.file=catalyst.yml --document=LIST.md --output=LIST.md", notRun: strangersPath},
		{text: "catalyst_exporter config schema --of=checklist >checklist.schema.json"},
		{text: "catalyst_exporter config schema >catalyst.schema.json"},
		{text: "catalyst_exporter config check --config.file=catalyst.yml"},
		{text: "catalyst_exporter list --config.file=catalyst.yml"},
		{text: "catalyst_exporter explain session_secret --config.file=catalyst.yml"},
		{text: "catalyst_exporter check --config.file=catalyst.yml", exit: ExitFailing},
		{text: "catalyst_exporter report --config.file=catalyst.yml"},
		{text: "catalyst_exporter attest ITEM --by=… --valid-for=90d", item: "disaster_recovery_plan"},
	}},
	{name: "docs/prometheus.md", in: "shop", lines: []printedLine{
		{text: "catalyst_exporter --web.external-url=https://tools.example.com/readiness/", notRun: "it serves until it is stopped"},
		{text: "catalyst_exporter rules --job=catalyst >/etc/prometheus/rules/catalyst.rules.yml"},
		{text: "catalyst_exporter alertmanager"},
		{text: "catalyst_exporter alertmanager --complete"},
		{text: "catalyst_exporter dashboard >catalyst-readiness.json"},
		{text: "catalyst_exporter dashboard --board=fleet >catalyst-fleet.json"},
		{text: "catalyst_exporter alertmanager --owners", exit: ExitUsage},
	}},
	{name: "docs/release.md", in: "shop", setup: recorded + signers, lines: []printedLine{
		{text: "catalyst_exporter check --gate=pre", exit: ExitFailing},
		{text: "catalyst_exporter deploy plan --version=1.5.0 --commit=$SHA --by=you@your.org"},
		{text: "catalyst_exporter attest devops_lead --by=you@your.org --sign-with=$HOME/.ssh/id_ed25519"},
		{text: "catalyst_exporter attest engineering_manager --by=manager@your.org --sign-with=$HOME/.ssh/id_ed25519"},
		{text: "catalyst_exporter attest security_review --by=security@your.org --sign-with=$HOME/.ssh/id_ed25519"},
		{text: "catalyst_exporter check --gate=pre", exit: ExitFailing},
		{text: `catalyst_exporter deploy record --by=you@your.org --issues="slow first request"`},
		{text: "catalyst_exporter check --gate=post", exit: ExitFailing},
		{text: "catalyst_exporter wait --gate=post --timeout=2h", exit: ExitFailing},
		{text: "catalyst_exporter attest status_page --by=you@your.org --sign-with=$HOME/.ssh/id_ed25519"},
		{text: "catalyst_exporter attest review_scheduled --by=you@your.org --sign-with=$HOME/.ssh/id_ed25519"},
		{text: "catalyst_exporter deploy plan --version=1.6.0 --commit=$NEXT --by=you@your.org"},
		{text: "catalyst_exporter attest devops_lead --by=you@your.org --sign-with=$HOME/.ssh/id_ed25519"},
		{text: "catalyst_exporter attest engineering_manager --by=manager@your.org --sign-with=$HOME/.ssh/id_ed25519"},
		{text: "catalyst_exporter attest security_review --by=security@your.org --sign-with=$HOME/.ssh/id_ed25519"},
		{text: "catalyst_exporter check --gate=pre", exit: ExitFailing},
		{text: "catalyst_exporter deploy record --by=you@your.org"},
		{text: "catalyst_exporter deploy rollback --by=you@your.org"},
		{text: "catalyst_exporter --config.file=catalyst.yml", serves: true},
	}},
	{name: "docs/runbook.md", in: "shop", setup: recorded + signers, lines: []printedLine{
		{text: "catalyst_exporter check --item=ITEM"},
		{text: "catalyst_exporter explain ITEM"},
		{text: "catalyst_exporter check", exit: ExitFailing},
		{text: "catalyst_exporter config discover"},
		{text: "catalyst_exporter config check --config.file=…"},
		{text: "catalyst_exporter attest ITEM --by=… --role=… --valid-for=90d", item: "disaster_recovery_plan"},
		{text: "catalyst_exporter list"},
		{text: "catalyst_exporter attest ITEM --by=… --role=…", item: "status_page"},
		{text: "catalyst_exporter rules --job=JOB"},
		{text: "catalyst_exporter check --fail-on=required", exit: ExitFailing},
		{text: "catalyst_exporter check --item=ITEM --format=json"},
		{text: "catalyst_exporter attest firewall_rules --by=… --valid-for=180d"},
		{text: "catalyst_exporter attest disaster_recovery_plan --by=… --role=… --valid-for=180d"},
		{text: "catalyst_exporter drill restore --by=… --dsn=…", notRun: "it needs a PostgreSQL of its own: TestDrillRestore runs it on one"},
		{text: "catalyst_exporter attest architecture_diagram --by=… --role=… --valid-for=180d"},
		{text: "catalyst_exporter check --gate=pre", exit: ExitFailing},
		{text: "catalyst_exporter deploy rollback --by=…"},
		{text: "catalyst_exporter explain monitor_24h"},
		{text: "catalyst_exporter deploy record --version=… --commit=… --by=… --issues=…", before: plan},
		{text: "catalyst_exporter attest devops_lead --by=… --role=devops_lead --sign-with=KEY", before: plan},
		{text: "catalyst_exporter attest engineering_manager --by=… --role=engineering_manager --sign-with=KEY"},
		{text: "catalyst_exporter attest security_review --by=… --role=security_review --sign-with=KEY"},
		{text: "catalyst_exporter deploy record --version=… --commit=… --by=…", before: plan},
	}},
	{name: "docs/signing.md", in: "shop", setup: recorded + plan + signers + "cp backups/daily/daily_20261122.sql.gz backups/daily.sql.gz", lines: []printedLine{
		{text: "catalyst_exporter attest restore_tested --by=ada@your.org --subject=backups/daily.sql.gz --valid-for=90d --sign-with=$HOME/.ssh/id_ed25519"},
		{text: "catalyst_exporter attest security_review --by=security-1@your.org --sign-with=agent"},
		{text: "catalyst_exporter waive tls_certificates --by=ada@your.org --until=2026-12-31 --reason=… --covers=expired --sign-with=agent", notRun: twoKeys},
		{text: "catalyst_exporter waive tls_certificates --approve --by=grace@your.org --sign-with=agent", notRun: twoKeys},
	}},
	{name: "docs/upgrading.md", in: "shop", setup: "catalyst_exporter rules >$WORLD/catalyst.rules.yml", lines: []printedLine{
		{text: "catalyst_exporter rules --job=catalyst | diff /etc/prometheus/rules/catalyst.rules.yml -"},
		{text: "catalyst_exporter config check"},
		{text: "catalyst_exporter check --format=json", exit: ExitFailing},
	}},
	{name: "examples/deployment/README.md", lines: []printedLine{
		{text: "go run . check --deployment.root=examples/deployment", exit: ExitFailing},
		{text: "go run . check --deployment.root=/tmp/shop --item=jwt_secret --item=api_keys_rotated --item=env_file --item=resource_limits --item=initial_backup --item=privacy_middleware --item=emergency_contacts", exit: ExitFailing},
	}},
	{name: "examples/web-service/README.md", lines: []printedLine{
		{text: "go run . check --config.file=examples/web-service/catalyst.yml", exit: ExitFailing},
		{text: "go run . report --config.file=examples/web-service/catalyst.yml"},
	}},
}
