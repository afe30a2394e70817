package launchfile

// Covered is the text that a signature of the lines is over, for tests that check it
// with a tool of others.
func Covered(text string) []byte { return utf16LE(text + "\x00") }
