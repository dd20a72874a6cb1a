package deployment

func (v *View) implies(Place) string { return "" }
