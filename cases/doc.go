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
//	why: one sentence       what the case shows, printed in docs/catches.md
//
// The files follow in txtar format. In names and contents {{now}} is the time and {{today}} the date. {{secret NAME LENGTH}} is
// a random-looking secret, the same for the same name, and {{literal TEXT}} the text in it: scanners find neither. With git, {{commit}} is
// HEAD, and a file that contains it is written after the commit. A name that ends in |gzip is compressed. All files are an
// hour old. catalyst.yml is the configuration if there is one. Nothing listens: only file layers have a verdict.
//
// testdata/projects holds sound projects of different styles. No file layer may fail on them, except for what they lack.
package cases
