package config

import (
	"errors"
	"net/url"
	"strings"
)

// Tracing says where spans go.
type Tracing struct {
	OTLPEndpoint string  // http://HOST:4318 of a collector, or the whole URL of its traces; "": no traces
	Sample       float64 // share of the traces that begin here, 0 to 1; who comes with a trace has decided
}

// Validate finds what would send nothing, or elsewhere.
func (t Tracing) Validate() error {
	var errs []error
	if !(t.Sample >= 0 && t.Sample <= 1) {
		errs = append(errs, errors.New("tracing.sample: must be from 0 to 1"))
	}
	if t.OTLPEndpoint != "" {
		u, err := url.Parse(t.OTLPEndpoint)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			errs = append(errs, errors.New("tracing.otlp_endpoint: must be an http or https URL, such as http://otel-collector:4318"))
		case u.User != nil:
			errs = append(errs, errors.New("tracing.otlp_endpoint: must have no password; set OTEL_EXPORTER_OTLP_HEADERS instead"))
		case u.RawQuery != "" || u.Fragment != "":
			errs = append(errs, errors.New("tracing.otlp_endpoint: must have neither query nor fragment"))
		}
	}
	return errors.Join(errs...)
}

// TracesURL is the whole URL that spans are posted to: OTLP's own path where only the collector is named
// (OpenTelemetry Protocol 1.x, "OTLP/HTTP Request").
func (t Tracing) TracesURL() string {
	u, err := url.Parse(t.OTLPEndpoint)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return t.OTLPEndpoint
	}
	u.Path = "/v1/traces"
	return u.String()
}
