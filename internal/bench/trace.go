package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/io"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// task is something that a page's main thread did, in microseconds. Tasks lie
// within each other.
type task struct {
	Name     string  `json:"name"`
	At       float64 `json:"ts"`
	Took     float64 `json:"dur"`
	Computed float64 `json:"tdur"` // what it took of the processor's time
	Args     struct {
		Data struct {
			URL string `json:"url"` // of the script, where it is one
		} `json:"data"`
	} `json:"args"`
}

// traced does something in a tab, and returns what the browser did meanwhile.
func traced(ctx context.Context, do func() error) ([]task, error) {
	what := &tracing.TraceConfig{IncludedCategories: []string{"devtools.timeline"}, ExcludedCategories: []string{"*"}}
	start := tracing.StartParams{TransferMode: tracing.StartTransferModeReturnAsStream, TraceConfig: what}
	if _, err := chromedp.Call(ctx, tracing.Start, start); err != nil {
		return nil, err
	}
	if err := do(); err != nil {
		return nil, err
	}
	end := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, tracing.End, cdp.Empty{})
		return err
	})
	complete, err := chromedp.Run(ctx, chromedp.WaitEvent(tracing.TracingComplete, nil, end))
	if err != nil {
		return nil, err
	}
	return readTasks(ctx, complete.Stream)
}

func readTasks(ctx context.Context, from io.StreamHandle) ([]task, error) {
	var text []byte
	for {
		piece, err := chromedp.Call(ctx, io.Read, io.ReadParams{Handle: from})
		if err != nil {
			return nil, err
		}
		if text = append(text, piece.Data...); piece.EOF {
			break
		}
	}
	var all struct {
		Tasks []task `json:"traceEvents"`
	}
	err := json.Unmarshal(text, &all)
	return all.Tasks, err
}

// busy is how many milliseconds of the processor's time the scripts of the
// relay took on the main thread: all of their first run, compiling too, and of
// each function that the browser called later. The longest is how many it took
// at a stretch.
func busy(tasks []task, script string) (all, longest float64) {
	relay := strings.TrimSuffix(script, "widget.js") // what the widget loads by itself counts, too
	const perMillisecond = 1000
	var ours []task
	for _, t := range tasks {
		if (t.Name == "EvaluateScript" || t.Name == "FunctionCall") && strings.HasPrefix(t.Args.Data.URL, relay) {
			ours = append(ours, t)
		}
	}
	for _, t := range outermost(ours) {
		all += t.Computed / perMillisecond
		longest = max(longest, t.Computed/perMillisecond)
	}
	return all, longest
}

// outermost are the tasks that lie in no other.
func outermost(tasks []task) []task {
	return slices.DeleteFunc(slices.Clone(tasks), func(t task) bool {
		return slices.ContainsFunc(tasks, func(other task) bool { return other != t && t.isWithin(other) })
	})
}

func (t task) isWithin(other task) bool {
	return t.At >= other.At && t.At+t.Took <= other.At+other.Took
}
