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
//	record: AGE [version=V commit=C] [by=WHO] [issue=TEXT] [unplanned] [backup=AGE,BYTES] [gate=CATEGORY/ITEM,STATE,REASON]
//	rollback: AGE, cancel: AGE     the other release records
//	attest: AGE ITEM --by=WHO ... [signed-by=WHO]   run the command attest at that time; the case's configuration holds
//	why: one sentence       what the case shows, printed in docs/catches.md
//
// Keys, records and claims are made in their order after the files; a file whose name ends in |after is written after them.
//
// The files follow in txtar format. In names and contents {{now}} is the time, {{ago 36h}} an earlier one and {{today}} the
// date. {{secret NAME LENGTH}} is a random-looking secret, the same for the same name, and {{literal TEXT}} the text in it:
// scanners find neither. With git, {{commit}} is HEAD, made two hours ago, and a file that contains it is written after the
// commit. A name that ends in |gzip is compressed. All files are an hour old. catalyst.yml is the configuration if there is
// one. Nothing listens: only file layers have a verdict.
//
// testdata/projects holds sound projects of different styles. No file layer may fail on them, except for what they lack.
package cases
