package spam

// Internals that the tests look at.
var (
	ParsePhrases = parsePhrases
	IsDisposable = isDisposable
	Disposable   = disposable
	ProbeMarks   = probeMarks
)

const (
	MaxTexts   = maxTexts
	ProbeSigns = probeSigns
)

// Remembered returns how many texts both generations hold.
func (c *RepeatCounter) Remembered() int { return c.texts.Len() }
