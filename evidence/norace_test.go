//go:build !race

package evidence

const raced = false
