package providertest

import (
	"fmt"
	"net/http"

	"github.com/sttgate/sttgate/proxy/provider"
)

// ends plays the end of a stream and asks what it came to.
func (p *player) ends(verb, arg string) ([]string, error) {
	switch verb {
	case "finish":
		if arg == "" {
			return messages(p.session.Finish(nil)), nil
		}
		d := denial(arg)
		return messages(p.session.Finish(&d)), nil
	case "farewell":
		ms, code, reason := p.session.Farewell(denial(arg))
		return append(messages(ms), fmt.Sprintf("close %d %s", code, reason)), nil
	case "metered":
		return []string{p.total.String()}, nil
	case "reported":
		if total, ok := p.session.Reported(); ok {
			return []string{total.String()}, nil
		}
		return []string{"nothing"}, nil
	case "speech":
		return []string{p.session.Speech().String()}, nil
	}
	return nil, errVerb
}

// denial is what the gateway would say for a reason; "" is a spent budget.
func denial(reason string) provider.Denial {
	if reason == "" {
		reason = string(provider.BudgetExhausted)
	}
	d := provider.Denial{
		Reason: provider.Reason(reason), Status: http.StatusTooManyRequests, Code: 1008,
		Title: "Budget exhausted", Detail: "budget daily of user u is spent", RequestID: "r1",
	}
	switch d.Reason {
	case provider.BudgetExhausted:
		d.Violated = []string{"daily"}
	case provider.StageRestrict:
		d.Title, d.Detail = "Usage restricted", "user u is restricted"
	case provider.TooManyStreams:
		d.Title, d.Detail = "Too many streams", "user u runs as many streams at once as one user may"
	case provider.BreakerOpen, provider.StoreUnavailable:
		d.Status, d.Code, d.Title, d.Detail = http.StatusServiceUnavailable, 1013, "Unavailable", "try again shortly"
	case provider.Draining:
		d.Status, d.Code, d.Title, d.Detail = http.StatusServiceUnavailable, 1012, "Gateway is shutting down", "connect again"
	case provider.Unauthenticated:
		d.Status, d.Title, d.Detail = http.StatusUnauthorized, "Not authenticated", "nobody says who is calling"
	case provider.BadIdentity:
		d.Status, d.Title, d.Detail = http.StatusBadRequest, "Bad identity", "the user stands twice"
	case provider.Unsupported:
		d.Status, d.Title, d.Detail = http.StatusNotFound, "Not supported", "this cannot be metered"
	case provider.TooLarge:
		d.Status, d.Code, d.Title, d.Detail = http.StatusRequestEntityTooLarge, 1009, "Too large", "the message is too large"
	case provider.UpstreamUnreachable:
		d.Status, d.Code, d.Title, d.Detail = http.StatusBadGateway, 1011, "Vendor unreachable", "try again"
	case provider.UpstreamTimeout:
		d.Status, d.Code, d.Title, d.Detail = http.StatusGatewayTimeout, 1011, "Vendor timed out", "try again"
	}
	return d
}

// reasons is the closed set.
func reasons() []provider.Reason {
	return []provider.Reason{
		provider.BudgetExhausted, provider.StageRestrict, provider.TooManyStreams, provider.BreakerOpen, provider.StoreUnavailable,
		provider.Draining, provider.Unauthenticated, provider.BadIdentity, provider.Unsupported, provider.TooLarge,
		provider.UpstreamUnreachable, provider.UpstreamTimeout,
	}
}
