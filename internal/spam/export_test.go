package spam

// Internals that the tests look at.
var (
	ParsePhrases = parsePhrases
	IsDisposable = isDisposable
	Disposable   = disposable
)

const MaxTexts = maxTexts

// Remembered returns how many texts both generations hold.
func (c *RepeatCounter) Remembered() int { return c.texts.Len() }
