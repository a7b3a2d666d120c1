// Package couriertest helps tests that need a courier.
package couriertest

import (
	"cmp"
	"io/fs"
	"sync"

	"leadrelay/internal/config"
	"leadrelay/internal/courier"
)

// WithDefaults returns the options with the defaults of the settings for those
// that are zero.
func WithDefaults(opt courier.Options) courier.Options {
	def := defaults()
	opt.Timeout = cmp.Or(opt.Timeout, def.Timeout)
	opt.Settle = cmp.Or(opt.Settle, def.Settle)
	opt.Deadline = cmp.Or(opt.Deadline, def.Deadline)
	opt.Rate = cmp.Or(opt.Rate, def.Rate)
	opt.Concurrency = cmp.Or(opt.Concurrency, def.Concurrency)
	opt.Probe = cmp.Or(opt.Probe, def.Probe)
	if len(opt.Schedule) == 0 {
		opt.Schedule = def.Schedule
	}
	return opt
}

// Options returns the defaults of the settings.
func Options() courier.Options { return WithDefaults(courier.Options{}) }

// defaults loads the settings once. They are what an operator gets who sets only
// what is required.
var defaults = sync.OnceValue(func() config.Courier {
	cfg, err := config.Load(map[string]string{"LEADRELAY_SOURCE": "casas.mx", "EASYBROKER_API_KEY": "k3y"}, noFile)
	if err != nil {
		panic(err)
	}
	return cfg.Courier
})

func noFile(string) (fs.File, error) { return nil, fs.ErrNotExist }
