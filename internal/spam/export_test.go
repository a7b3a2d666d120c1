package spam

// What the tests look at besides the outside.
var (
	Plant        = plant
	IsDisposable = isDisposable
	Disposable   = disposable
)

const MostEchoes = mostEchoes

// Remembered is how many texts there are in both generations.
func (e *Echoes) Remembered() int { return len(e.young) + len(e.old) }
