package deployment

import "fmt"

// String is FILE:LINE, the place a person goes to.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}
