//go:build race

package evidence

// raced: the race detector is on, under which streams are shortened (LONG=true reads them whole).
const raced = true
