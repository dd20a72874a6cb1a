package deployment

import "strconv"

// String is FILE:LINE, the place a person goes to.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return o.File + ":" + strconv.Itoa(o.Line)
}
