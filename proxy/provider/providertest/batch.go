package providertest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

// batch plays the requests beside the streams.
func (p *player) batch(verb, arg string) ([]string, error) {
	switch verb {
	case "body", "order", "outcome":
		b, ok := p.p.(provider.Batch)
		if !ok {
			return nil, errors.New("this vendor is no provider.Batch")
		}
		return p.job(b, verb, arg)
	case "grant", "granted":
		g, ok := p.p.(provider.Granter)
		if !ok {
			return nil, errors.New("this vendor is no provider.Granter")
		}
		return p.grant(g, verb, arg)
	}
	return nil, errVerb
}

func (p *player) job(b provider.Batch, verb, arg string) ([]string, error) {
	switch verb {
	case "body":
		body, err := b.Body(p.route, arg)
		if err != nil {
			return faulty(err), nil
		}
		return []string{inWords(body)}, nil
	case "order":
		o, err := b.Order(p.route, []byte(arg))
		if err != nil {
			return faulty(err), nil
		}
		return ordered(o), nil
	}
	status, body, _ := strings.Cut(arg, " ")
	code, err := strconv.Atoi(status)
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	o := b.Outcome(p.route, code, []byte(body))
	out := "id " + strconv.Quote(o.ID)
	if o.Known {
		out += " duration " + o.Duration.String()
	}
	if o.Weight != 0 {
		out += fmt.Sprintf(" weight %d", o.Weight)
	}
	if o.Heard {
		out += " speech " + o.Speech.String()
	}
	if o.Done {
		out += " done"
	}
	if o.Failed {
		out += " failed"
	}
	return []string{out}, nil
}

func inWords(b provider.Body) string {
	switch {
	case b.JSON:
		return "an order"
	case b.Part == "":
		return "audio"
	case b.Order == "":
		return "audio in part " + b.Part
	}
	return "audio in part " + b.Part + ", the order in part " + b.Order
}

func ordered(o provider.Order) []string {
	what := "no audio"
	switch {
	case o.URL:
		what = "a URL"
	case o.File != "":
		what = "file " + o.File
	}
	if o.Weight != 0 {
		what += fmt.Sprintf(" weight %d", o.Weight)
	}
	if o.Replace != nil {
		return []string{what, string(o.Replace)}
	}
	return []string{what, "as it is"}
}

func (p *player) grant(g provider.Granter, verb, arg string) ([]string, error) {
	if verb == "grant" {
		ttl, err := g.Grant(p.route, []byte(arg))
		if err != nil {
			return faulty(err), nil
		}
		return []string{ttl.String()}, nil
	}
	ttl, err := time.ParseDuration(arg)
	if err != nil {
		return nil, err
	}
	status, body := g.Granted(p.route, "caller-token", ttl, time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC))
	return []string{fmt.Sprintf("%d %s", status, body)}, nil
}
