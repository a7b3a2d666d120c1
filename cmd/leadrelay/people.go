package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

type peopleCmd struct {
	Export   peopleExportCmd  `cmd:"" help:"Print all that is kept of a person, as JSON."`
	Block    peopleBlockCmd   `cmd:"" help:"Take what a person wrote out of everybody's sight but an owner's. It is erased by itself after retention.blocked. Asks on a terminal, and wants --yes elsewhere. Exits with 1 if leads are on their way and stay."`
	Unblock  peopleUnblockCmd `cmd:"" help:"Lift a block: a mistaken identity, or a request that was withdrawn. All is back in its place; what was on its way when it was blocked stays discarded. Asks on a terminal, and wants --yes elsewhere."`
	Requests requestsCmd      `cmd:"" help:"What people ask for that is theirs by law, with its clock: access, rectification, cancellation, opposition."`
	Erase    peopleEraseCmd   `cmd:"" help:"Erase what a person wrote. Folio, site, state and times stay. Asks on a terminal, and wants --yes elsewhere. Exits with 1 if leads are on their way and stay."`
}

// whoArg is the argument that names a person.
type whoArg struct {
	Who string `arg:"" name:"email-or-phone" help:"An e-mail address or a phone with its area code, in any spelling."`
}

// Validate implements kong's check of the command line.
func (a whoArg) Validate() error {
	_, err := lead.PersonByPhone(a.Who)
	if strings.Contains(a.Who, "@") {
		_, err = lead.PersonByEmail(a.Who)
	}
	if err != nil {
		return fmt.Errorf("this is %w", err)
	}
	return nil
}

// body returns the person as the API wants it, so that no address of ours has it.
func (a whoArg) body() map[string]any {
	if strings.Contains(a.Who, "@") {
		return map[string]any{"email": a.Who}
	}
	return map[string]any{"phone": a.Who}
}

type peopleExportCmd struct{ whoArg }

// Run prints what is kept.
func (c peopleExportCmd) Run(p *program) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	var all console.PersonExport
	if err := op.call(p.ctx, http.MethodPost, "/api/v1/people/export", c.body(), &all, longCall); err != nil {
		return err
	}
	return printJSON(p.stdout, all)
}

// forgetArgs are what to block, to unblock and to erase a person have in common.
type forgetArgs struct {
	whoArg

	DryRun bool `help:"Only say what would be done."`
	Yes    bool `help:"Do not ask."`
	JSON   bool `name:"json" help:"Print JSON."`
}

// forceArgs are what to block and to erase a person have in common.
type forceArgs struct {
	forgetArgs

	Force bool `help:"Leads that are on their way as well. They are discarded; EasyBroker may have them already."`
}

func (c forceArgs) body() map[string]any {
	body := c.forgetArgs.body()
	body["force"] = c.Force
	return body
}

type peopleBlockCmd struct{ forceArgs }

// Run blocks a person.
func (c peopleBlockCmd) Run(p *program) error {
	return c.run(p, c.body(), "block", "Block this? It is erased after the time of retention.blocked.")
}

type peopleUnblockCmd struct{ forgetArgs }

// Run lifts a block.
func (c peopleUnblockCmd) Run(p *program) error {
	return c.run(p, c.body(), "unblock", "Unblock this? Everybody sees it again who sees its site.")
}

type peopleEraseCmd struct{ forceArgs }

// Run erases what a person wrote.
func (c peopleEraseCmd) Run(p *program) error {
	return c.run(p, c.body(), "erase", "Erase this for good? It cannot be brought back.")
}

var (
	errNobodyAsked  = errors.New("nothing is done without --yes where nobody can be asked; --dry-run says what would be")
	errNotForgotten = errors.New("leads that are on their way stay: wait until they have arrived, or take --force, which discards them")
)

// run does it, after it has said what and has asked.
func (c forgetArgs) run(p *program, body map[string]any, verb, question string) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	call := func(dryRun bool) (e console.Erasure, err error) {
		body["dry_run"] = dryRun
		return e, op.call(p.ctx, http.MethodPost, "/api/v1/people/"+verb, body, &e, longCall)
	}
	if c.DryRun || !c.Yes {
		would, err := call(true)
		if err != nil {
			return err
		}
		if err := c.print(p, would); err != nil || c.DryRun {
			return err
		}
		if err := confirmed(p, question); err != nil {
			return err
		}
	}
	done, err := call(false)
	if err != nil {
		return err
	}
	return c.print(p, done)
}

// confirmed asks the person at the terminal.
func confirmed(p *program, question string) error {
	if _, isTerminal := terminalWidth(os.Stdin); !isTerminal {
		return errNobodyAsked
	}
	p.printf("%s Type yes: ", question)
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}

func (c forgetArgs) print(p *program, e console.Erasure) error {
	if c.JSON {
		if err := printJSON(p.stdout, e); err != nil {
			return err
		}
	}
	var stay bool
	for _, l := range e.Leads {
		if stay = stay || l.Verdict == "on its way"; !c.JSON {
			p.printf("%s  %s  %s  %s\n", l.RemoteID, l.Site, l.State, l.Verdict)
		}
	}
	if !c.JSON {
		for _, id := range e.MentionedIn {
			p.printf("%s  is another's, and mentions it\n", id)
		}
		if e.LeftOut > 0 {
			p.printf("%s more: call it again\n", plural(e.LeftOut, "lead"))
		}
		if len(e.Leads) == 0 {
			p.printf("nothing is kept of this person\n")
		}
	}
	if stay && !e.DryRun {
		return errNotForgotten
	}
	return nil
}
