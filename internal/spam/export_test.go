package spam

// What the tests look at besides the outside.
var (
	Plant        = plant
	IsDisposable = isDisposable
	Disposable   = disposable
)
