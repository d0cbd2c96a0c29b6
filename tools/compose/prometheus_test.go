package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// asked is the Prometheus of the house.
type asked struct {
	t  *testing.T
	at string
}

func (a asked) get(path string, q url.Values, into any) error {
	ctx, cancel := context.WithTimeout(a.t.Context(), hang)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.at+path+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", path, answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// most is the largest value that a query has had in the last minute.
func (a asked) most(expr string) (most float64, err error) {
	now := time.Now().Unix()
	q := url.Values{"query": {expr}, "start": {strconv.FormatInt(now-60, 10)}, "end": {strconv.FormatInt(now, 10)}, "step": {"1"}}
	var data struct {
		Result []struct {
			Values [][2]any // when, and what as text
		}
	}
	if err := a.get("/api/v1/query_range", q, &data); err != nil {
		return 0, err
	}
	for _, r := range data.Result {
		for _, v := range r.Values {
			if f, err := strconv.ParseFloat(v[1].(string), 64); err == nil && f > most {
				most = f
			}
		}
	}
	return most, nil
}

func (a asked) targetsAreUp(want int) error {
	var data struct {
		Active []struct{ ScrapeURL, Health, LastError string } `json:"activeTargets"`
	}
	if err := a.get("/api/v1/targets", url.Values{"state": {"active"}}, &data); err != nil {
		return err
	}
	if len(data.Active) != want {
		return fmt.Errorf("%d targets, not %d", len(data.Active), want)
	}
	for _, t := range data.Active {
		if t.Health != "up" {
			return fmt.Errorf("%s is %s: %s", t.ScrapeURL, t.Health, t.LastError)
		}
	}
	return nil
}

// rulesAreEvaluated asks for each rule of the file: that it has been, and without a fault.
func (a asked) rulesAreEvaluated(want int) error {
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := a.get("/api/v1/rules", nil, &data); err != nil {
		return err
	}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				return fmt.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
			want--
		}
	}
	if want != 0 {
		return fmt.Errorf("%d rules are not there", want)
	}
	return nil
}

func (a asked) fires(alert string) (bool, error) {
	var data struct {
		Alerts []struct {
			Labels map[string]string
			State  string
		}
	}
	if err := a.get("/api/v1/alerts", nil, &data); err != nil {
		return false, err
	}
	for _, x := range data.Alerts {
		if x.Labels["alertname"] == alert && x.State == "firing" {
			return true, nil
		}
	}
	return false, nil
}

func rules(t *testing.T) (n int) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []any }
	}
	if err := yaml.Unmarshal([]byte(contents(t, files+"/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		n += len(g.Rules)
	}
	return n
}

// choices are what Grafana offers for a variable: the values of a label.
func (a asked) choices(query string) ([]string, error) {
	of, label, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(query, "label_values("), ")"), ", ")
	if !ok {
		return nil, fmt.Errorf("%s is no label_values(METRIC, LABEL)", query)
	}
	var values []string
	err := a.get("/api/v1/label/"+label+"/values", url.Values{"match[]": {of}}, &values)
	return values, err
}
