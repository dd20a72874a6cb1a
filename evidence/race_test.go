//go:build race

package evidence

// raced: the race detector is on, under which streams are shortened (the long tests read them whole).
const raced = true
