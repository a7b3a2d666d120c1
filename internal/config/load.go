package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/loopback"
	"leadrelay/internal/site"
)

// maxFileBytes bounds the size of a file. A thousand sites need less.
const maxFileBytes = 1 << 20

// layer has the values of one source, by key. The first layer that has a setting
// decides.
type layer map[string]value

// Open opens a file for [Load].
func Open(name string) (fs.File, error) { return os.Open(name) }

// Load reads the settings from the variables and the files that they name. The error is
// an [*Errors] with everything that is wrong. The Config then has the settings that are
// right.
func Load(variables map[string]string, open func(name string) (fs.File, error)) (Config, error) {
	l := &loader{open: open, files: map[string]content{}, hasSSLMode: variables["PGSSLMODE"] != ""}
	l.checkNames(variables)
	env := l.readEnvironment(variables)
	doc := l.readDocument(strings.TrimSpace(variables[fileVariable]))

	var c Config
	l.fill(target{conf: &c}, env, doc.top, defaults())
	_, l.hasServer = lookUpIn("smtp", env, doc.top)
	l.checkDoors(c, env, doc.top)
	l.checkDatabase(c, env, doc.top, defaults())
	l.buildSites(&c, env, doc)
	c.Warnings = l.warnings
	return c, l.err()
}

// checkDoors warns of addresses and proxies that expose a door.
func (l *loader) checkDoors(c Config, layers ...layer) {
	if v, ok := lookUpIn("trusted_proxies", layers...); ok && slices.ContainsFunc(c.TrustedProxies, isAnybody) {
		l.warn(v.place, "trusts everybody, who can then say that he has any address, and no limit holds him; name the networks of the proxies alone")
	}
	if v, ok := lookUpIn("addr", layers...); ok && isLocal(c.Addr) && len(c.TrustedProxies) == 0 {
		l.warn(v.place, "can be reached from this machine alone, so a proxy stands in front of it: trust it with LEADRELAY_TRUSTED_PROXIES=127.0.0.1/32, else all visitors share the limits of one address")
	}
	if v, ok := lookUpIn("operator_addr", layers...); ok && isPublic(c.OperatorAddr) {
		l.warn(v.place, "can be reached from other machines, and the token goes over plain HTTP; listen on 127.0.0.1 or a private address, unless something in front lets nobody through")
	}
}

// checkDatabase requires a token with a server, because there is no folder in which the
// first start could keep one for all relays. It requires the folder of a file. Commands
// that ask a relay elsewhere do not need one.
func (l *loader) checkDatabase(c Config, layers ...layer) {
	v, _ := lookUpIn("database", layers...)
	if c.Database.IsServer() {
		if _, ok := lookUpIn("operator_token", layers...); !ok {
			l.addMissing(Place{Name: "LEADRELAY_OPERATOR_TOKEN"}, "is required with PostgreSQL, since all relays on a database have the same")
		}
		if c.Database.mayFallBack() && !l.hasSSLMode {
			l.warn(v.place, "does not say sslmode, so all leads cross the network in the clear where the server has no TLS; write ?sslmode=verify-full behind it, or sslmode=disable if nobody can listen between here and there")
		}
		return
	}
	folder, err := l.open(filepath.Dir(string(c.Database)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.addOnce(Problem{Place: v.place, Missing: true, Text: "the database's folder is not there, and the relay makes none; make it first, as the user that the relay runs as"})
	case err == nil:
		_ = folder.Close()
	}
}

// isAnybody reports whether a network is wider than any of those for private use
// (10.0.0.0/8, fc00::/7), or than a proxy's: strangers are in it.
func isAnybody(p netip.Prefix) bool { return p.Bits() < 8 && !p.Addr().IsPrivate() }

// isPublic reports whether the address listens on all networks or on a public one. It
// reports false for a name.
func isPublic(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return host == "" && addr != "" || err == nil && !ip.IsLoopback() && !ip.IsPrivate() && !ip.IsLinkLocalUnicast()
}

// isLocal reports whether only this machine can reach the address.
func isLocal(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	return loopback.IsHost(host)
}

// loader is the state of one Load.
type loader struct {
	problems
	warnings  []string
	open      func(string) (fs.File, error)
	files     map[string]content // because a pipe can be read only once
	hasServer bool               // that mails leads
	unread    bool               // the file could not be read, so missing settings may be in it

	hasSSLMode bool // PGSSLMODE is set, which the driver reads
}

func (l *loader) addMissing(at Place, text string) {
	if !l.unread {
		l.addOnce(Problem{Place: at, Text: text, Missing: true})
	}
}

func (l *loader) warn(at Place, text string) {
	if w := at.String() + ": " + text; !slices.Contains(l.warnings, w) {
		l.warnings = append(l.warnings, w)
	}
}

// readEnvironment reads the variables. An empty variable counts as absent, because
// compose files and charts set such.
func (l *loader) readEnvironment(variables map[string]string) layer {
	env := layer{}
	for _, s := range settings {
		if s.env == "" || s.key == "" {
			continue
		}
		if text := strings.TrimSpace(variables[s.env]); text != "" {
			env[s.key] = scalarAt(Place{Name: s.env}, text)
			l.warnOfShell(Place{Name: s.env}, text)
		}
		if s.secret {
			l.readSecretVariable(env, s, strings.TrimSpace(variables[s.env+"_FILE"]))
		}
	}
	return env
}

// warnOfShell warns of quotes and comments that a shell would remove, but not what reads
// a file of variables, such as docker run --env-file.
func (l *loader) warnOfShell(at Place, text string) {
	if quote := text[0]; len(text) > 1 && (quote == '"' || quote == '\'') && text[len(text)-1] == quote {
		l.warn(at, "the quotes around it are part of the value; take them off where it is set")
	}
	if strings.Contains(text, " #") {
		l.warn(at, "the comment behind # is part of the value; give it a line of its own")
	}
}

func (l *loader) readSecretVariable(env layer, s setting, name string) {
	if name == "" {
		return
	}
	at := Place{Name: s.env + "_FILE"}
	if _, both := env[s.key]; both {
		l.add(at, "and %s are both set; keep one", s.env)
		return
	}
	v := scalarAt(at, name)
	v.isFile = true
	env[s.key] = v
}

func defaults() layer {
	all := layer{}
	for _, s := range settings {
		if s.def != "" {
			all[s.key] = scalarAt(Place{Name: cmp.Or(s.env, s.key)}, s.def)
		}
	}
	return all
}

// fill sets the settings of the target.
func (l *loader) fill(t target, layers ...layer) {
	for _, s := range settings {
		if s.key == "" || s.ofSite() != (t.site != nil) {
			continue
		}
		if v, ok := lookUpIn(s.key, layers...); ok {
			s.read(l, t, v)
		}
	}
}

func lookUpIn(key string, layers ...layer) (value, bool) {
	for _, from := range layers {
		if v, ok := from[key]; ok {
			return v, true
		}
	}
	return value{}, false
}

// buildSites builds the sites. The environment has the settings of the site default. Its
// settings of EasyBroker apply to the other sites, too, unless they have their own.
func (l *loader) buildSites(c *Config, env layer, doc document) {
	if source, ok := env[perSite+"source"]; ok {
		if _, ok := doc.sites[site.Default]; !ok {
			doc.sites[site.Default] = section{place: source.place}
		}
	}
	if len(doc.sites) == 0 { // read one nevertheless, to report everything that is missing
		doc.sites[site.Default] = section{place: Place{Name: "LEADRELAY_SOURCE"}}
		defer func() { c.Sites = nil }()
	}
	_, hasDefault := doc.sites[site.Default]
	shared := maps.Clone(env)
	maps.DeleteFunc(shared, func(key string, v value) bool {
		if strings.HasPrefix(key, broker) {
			return false
		}
		if strings.HasPrefix(key, perSite) && !hasDefault {
			l.add(v.place, "describes the site default, which LEADRELAY_SOURCE makes; set that too")
		}
		return true
	})
	std := defaults()
	for _, id := range slices.Sorted(maps.Keys(doc.sites)) {
		own := doc.sites[id]
		layers := []layer{own.layer, shared, doc.top, std}
		if id == site.Default {
			layers = []layer{env, own.layer, doc.top, std}
		}
		c.Sites = append(c.Sites, l.buildSite(id, own.place, layers))
	}
}

// checkCaptcha requires that a site has both a captcha and its secret, or neither.
func (l *loader) checkCaptcha(id string, at Place, layers []layer) {
	_, named := lookUpIn(perSite+"captcha", layers...)
	_, hasSecret := lookUpIn(perSite+"captcha_secret", layers...)
	if named != hasSecret {
		l.add(at, "the site %s wants captcha and captcha_secret (or captcha_secret_file) together", id)
	}
	if _, hasSiteKey := lookUpIn(perSite+"captcha_site_key", layers...); hasSiteKey && !named {
		l.add(at, "the site %s has a captcha_site_key, but no captcha", id)
	}
}

// checkPages warns of a site that no page can post to, of a source that is an address
// instead of a name, and of an address of EasyBroker that lacks its path.
func (l *loader) checkPages(s Site, at Place, layers []layer) {
	if _, ok := lookUpIn(perSite+"origins", layers...); !ok && !l.unread {
		if at.Line == 0 {
			at = Place{Name: "LEADRELAY_ORIGINS"}
		}
		l.warn(at, "the site "+s.ID+" lists no origins, so what browsers post is refused (403); list its own, such as https://casas.mx, unless only a server posts")
	}
	if v, ok := lookUpIn(perSite+"source", layers...); ok && strings.Contains(s.Source, "://") {
		l.warn(v.place, "EasyBroker shows the source as it is; give the site's name, such as casas.mx, without https://")
	}
	if v, ok := lookUpIn(perSite+"privacy_text", layers...); ok && s.Privacy == "" {
		l.warn(v.place, "stands in front of the link to the privacy notice, and is not shown without one; name it with privacy_url")
	}
	if v, ok := lookUpIn(broker+"url", layers...); ok && isBareHost(s.EasyBroker.URL) {
		l.warn(v.place, "has no path, and EasyBroker's API is below one; write /v1 behind it, as in "+easybroker.DefaultURL)
	}
}

// isBareHost reports whether an address ends with its host.
func isBareHost(address string) bool {
	_, host, ok := strings.Cut(address, "://")
	return ok && !strings.Contains(host, "/")
}

// checkRefusals warns of inquiries that the site accepts but EasyBroker would refuse. It
// is not an error, because a page may send more than the site requires. A lead that is
// refused fails, and a person sees it.
func (l *loader) checkRefusals(s Site, at Place, layers []layer) {
	if len(s.Rules.Require) == 0 || s.EasyBroker.API == "" { // wrong, and reported already
		return
	}
	if v, ok := lookUpIn(perSite+"require", layers...); ok && v.place.Line > 0 {
		at = v.place
	}
	for _, withProperty := range []bool{true, false} {
		if !withProperty && guarantees(s.Rules, lead.PropertyID) {
			continue
		}
		what := ""
		if !withProperty && s.EasyBroker.API == easybroker.Plain {
			what = "without property_id and "
		}
		for _, need := range s.EasyBroker.API.Needs(withProperty) {
			if mayBeWithout(s, need, withProperty) {
				l.warn(at, fmt.Sprintf("the site %s takes inquiries %swithout %s, and EasyBroker refuses those; require it", s.ID, what, strings.Join(need, " or ")))
			}
		}
	}
	if v, ok := lookUpIn(broker+"send_source", layers...); ok && s.EasyBroker.API == easybroker.Plain && !s.SendSource {
		l.warn(v.place, "EasyBroker wants the source from an account, and refuses every lead of the site "+s.ID+" without it")
	}
}

// mayBeWithout reports whether an inquiry may have none of the fields.
func mayBeWithout(s Site, need []string, withProperty bool) bool {
	anyOf := make([]lead.Field, len(need))
	for i, name := range need {
		anyOf[i] = lead.Field(name)
	}
	switch {
	case slices.Contains(anyOf, lead.PropertyID):
		return !withProperty
	case slices.Contains(anyOf, lead.Message) && s.Template.String() != "": // its other lines may have text
		return false
	case !withProperty: // if property_id|name is required, there is a name
		anyOf = append(anyOf, lead.PropertyID)
	}
	return !guarantees(s.Rules, anyOf...)
}

// guarantees reports whether the rules require one of the fields.
func guarantees(r lead.Rules, anyOf ...lead.Field) bool {
	return slices.ContainsFunc(r.Require, func(either []lead.Field) bool {
		return !slices.ContainsFunc(either, func(f lead.Field) bool { return !slices.Contains(anyOf, f) })
	})
}

func (l *loader) buildSite(id string, at Place, layers []layer) Site {
	s := Site{Site: site.Site{ID: id}}
	if !siteID.MatchString(id) {
		l.add(at, "a site's id has lower-case letters, digits and dashes, at most 63, and begins with no dash")
	}
	l.fill(target{site: &s}, layers...)
	if _, ok := lookUpIn(perSite+"source", layers...); !ok {
		if at.Line == 0 {
			l.addMissing(at, "is required, or sites in the file")
		} else {
			l.addMissing(at, "this site wants a source")
		}
	}
	l.checkCaptcha(id, at, layers)
	l.checkMail(layers)
	l.checkPages(s, at, layers)
	l.checkRefusals(s, at, layers)
	if _, ok := lookUpIn(broker+"api_key", layers...); !ok {
		if at.Line == 0 {
			l.addMissing(Place{Name: "EASYBROKER_API_KEY"}, "is required")
		} else {
			l.addMissing(at, "this site wants a key: easybroker: api_key or api_key_file, here or for all sites, or EASYBROKER_API_KEY")
		}
	}
	return s
}

// content is a file that was read.
type content struct {
	data []byte
	mode fs.FileMode
	err  error
}

// readOnce reads a file. Its errors do not contain the name: see [loader.addUnreadable].
func (l *loader) readOnce(name string) content {
	if c, ok := l.files[name]; ok {
		return c
	}
	c := readFile(l.open, name)
	if path, ok := errors.AsType[*fs.PathError](c.err); ok {
		c.err = path.Err
	}
	l.files[name] = c
	return c
}

// addUnreadable reports a file that cannot be read. It names the file only if it is surely
// a path, because people put the key itself where the name of its file belongs.
func (l *loader) addUnreadable(at Place, name string, err error) {
	file := "the file"
	if l.isPath(name) {
		file = name
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w for user %d", err, os.Geteuid())
	}
	l.add(at, "cannot read %s: %v", file, err)
}

// isPath reports whether the name is a plain absolute path that begins with a folder of
// this machine. A key may begin with a slash, but hardly with /etc/ or /run/.
func (l *loader) isPath(name string) bool {
	top, _, ok := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	if !ok || top == "" || !filepath.IsAbs(name) || !isPlain(name) {
		return false
	}
	folder, err := l.open("/" + top)
	if err == nil {
		_ = folder.Close()
	}
	return !errors.Is(err, fs.ErrNotExist)
}

func readFile(open func(string) (fs.File, error), name string) content {
	f, err := open(name)
	if err != nil {
		return content{err: err}
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	if err != nil {
		return content{err: err}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = errors.New("it has more than 1 MiB")
	}
	return content{data: data, mode: info.Mode(), err: err}
}

const readableByOthers = 0o044

func (l *loader) readSecretFile(name item) (string, bool) {
	c := l.readOnce(name.text)
	if c.err != nil {
		l.addUnreadable(name.place, name.text, c.err)
		return "", false
	}
	if c.mode.Perm()&readableByOthers != 0 {
		l.warn(name.place, "others on this machine can read the file; chmod 600 it")
	}
	return string(c.data), true
}
