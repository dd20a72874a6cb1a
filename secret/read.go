package secret

// Rules of this file: a Text is read from a document like any text, and says of itself that it is one, so that whoever reads it quotes nothing of
// it in an error.

// UnmarshalText takes text over as it is; it never fails.
func (t *Text) UnmarshalText(text []byte) error {
	*t = New(string(text))
	return nil
}

// Secret marks the type for readers that quote values in their errors.
func (Text) Secret() bool { return true }
