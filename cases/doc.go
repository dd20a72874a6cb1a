// Package cases holds every way in which an item of the checklist was seen broken, and the sound forms that must pass: one
// small deployment per file, run by `go test ./cases`. `go test ./cases -dir=DIR` runs a folder elsewhere.
//
// A case is CATEGORY/ITEM/NAME.txtar. Its head lines are:
//
//	item: CATEGORY/ITEM     the item that is judged
//	probe: NAME             judge this probe alone; without it, the item
//	want: STATE [REASON] | STATE [REASON] ...   any of these is right; a state without a reason takes any reason
//	not: STATE [REASON] | ...   none of these is right
//	git: commit             commit the files first; .gitignore holds
//	key: WHO                make an SSH key of a person and list it in allowed_signers; stranger: WHO does not list it
//	plan: AGE version=V commit=C [by=WHO] [image=I]
//	record: AGE [version=V commit=C] [by=WHO] [issue=TEXT] [unplanned] [backup=AGE,BYTES] [backup-file=FILE] [gate=CATEGORY/ITEM,STATE,REASON]
//	rollback: AGE, cancel: AGE     the other release records
//	attest: AGE ITEM --by=WHO ... [signed-by=WHO]   run the command attest at that time; the case's configuration holds
//	start: KIND [as NAME] [OPTION=VALUE] ...   start a real server first; NAME is KIND if not given
//	why: one sentence       what the case shows, printed in docs/catches.md
//
// Keys, records and claims are made in their order after the files; a file whose name ends in |after is written after them.
//
// The files follow in txtar format. In names and contents {{now}} is the time, {{ago 36h}} an earlier one and {{today}} the
// date. {{secret NAME LENGTH}} is a random-looking secret, the same for the same name, and {{literal TEXT}} the text in it:
// scanners find neither. With git, {{commit}} is HEAD, made two hours ago, and a file that contains it is written after the
// commit. A name that ends in |gzip is compressed. All files are an hour old. catalyst.yml is the configuration if there is
// one.
//
// Without start: nothing listens, and only file layers have a verdict. The files of a server are named @NAME/FILE and do not
// belong to the deployment. The marks {{NAME}}, {{NAME host}} and {{NAME port}} are its address, also in the files of servers
// that are started later. The kinds, with their files and further marks:
//
//	alertmanager   alertmanager.yml
//	aws            S3, IAM and STS of a sound account: ACTION (s3:GetBucketVersioning) is a response in its place; {{NAME secret}}
//	certificate    hosts=A,B expires=72h self-signed; {{NAME chain}}, {{NAME leaf}}, {{NAME key}}, {{NAME ca}}
//	dns            zone: records
//	docker         containers: a map by service, see docker_test.go; image: lines of a Dockerfile;
//	               {{NAME project}}, {{NAME image}}, {{NAME image id}}
//	http           PATH: a response, with or without a status line and headers; *: for other paths; tls=CERTIFICATE
//	nginx          server.conf, http.conf: directives; html/PATH; tls=CERTIFICATE
//	pgbouncer      users: lines of NAME PASSWORD; of=POSTGRES mode=transaction
//	postgres       init.sql, pg_hba.conf, postgresql.conf; tls=CERTIFICATE; {{NAME password}} of the superuser
//	prometheus     series: lines of NAME{LABELS} 0+5x60, a value a minute until now (now-26h is a time);
//	               or prometheus.yml, rules/FILE, with targets=N to wait until N targets were scraped twice
//	redis          redis.conf, commands; tls=CERTIFICATE
//	refused        an address that refuses connections
//
// testdata/projects holds sound projects of different styles. No file layer may fail on them, except for what they lack.
package cases
