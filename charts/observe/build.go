package main

import "slices"

// A dashboard is rows of graphs; what they share is here, what each shows in rows.go.

// graph is a panel as rows.go writes it.
type graph struct {
	title, unit string
	good        string // what it looks like when all is well, and what to do where it does not
	width       int    // of 24
	stack       bool
	// stat makes it one figure instead of lines. It is green below alarm, red from there on; with low, the other way around.
	stat, low bool
	alarm     float64
	queries   []query
}

type query struct{ expr, legend string }

// row is a heading and what is under it.
type row struct {
	title  string
	graphs []graph
}

const (
	height  = 8
	columns = 24
)

func newDashboard() dashboard {
	d := dashboard{
		UID: "sttgate", Title: "sttgate", Tags: []string{"sttgate"}, SchemaVersion: 39, Version: 1, Refresh: "30s", GraphTooltip: 1, Editable: true,
		Description: "Made by `make dashboard` of the sttgate tree: changes belong there. The alerts and their runbooks are in docs/runbooks.",
		Time:        map[string]any{"from": "now-6h", "to": "now"},
		Templating: templating{[]variable{
			{Name: "datasource", Label: "Prometheus", Type: "datasource", Query: "prometheus", Current: &choice{"default", "default"}},
			asked("job", "sttgate_build_info", ".+"),
			asked("instance", `sttgate_build_info{job=~"$job"}`, ".*"),
			asked("provider", `sttgate_streams_active{job=~"$job"}`, ".*"),
		}},
		Annotations: templating{[]variable{
			{
				Name: "config reloaded", Datasource: source(), Enable: true, IconColor: "blue", TitleForm: "config reloaded", TextForm: "{{instance}}",
				Expr: `changes(sttgate_config_last_reload_timestamp_seconds{job=~"$job",instance=~"$instance"}[1m]) > 0`,
			},
			{
				Name: "draining", Datasource: source(), Enable: true, IconColor: "orange", TitleForm: "draining", TextForm: "{{instance}}",
				Expr: `sttgate_draining{job=~"$job",instance=~"$instance"} == 1`,
			},
		}},
	}
	y := 0
	for _, r := range slices.Concat(traffic(), users(), refusals(), vendors(), ledger(), itself()) {
		d.add(panel{Type: "row", Title: r.title, GridPos: position{1, columns, 0, y}, Collapsed: new(bool), Panels: []panel{}})
		y++
		x := 0
		for _, g := range r.graphs {
			if x+g.width > columns {
				x, y = 0, y+height
			}
			p := g.panel()
			p.GridPos = position{height, g.width, x, y}
			d.add(p)
			x += g.width
		}
		y += height
	}
	return d
}

func (d *dashboard) add(p panel) {
	p.ID = len(d.Panels) + 1
	d.Panels = append(d.Panels, p)
}

func source() *datasource { return &datasource{"prometheus", "${datasource}"} }

// asked is a variable whose choices are the values of a label.
func asked(label, of, all string) variable {
	return variable{
		Name: label, Label: label, Type: "query", Datasource: source(), Query: "label_values(" + of + ", " + label + ")", Refresh: 2, Sort: 1,
		Multi: true, IncludeAll: true, AllValue: all, Current: &choice{[]string{"All"}, []string{"$__all"}},
	}
}

func (g graph) panel() panel {
	p := panel{Type: "timeseries", Title: g.title, Description: g.good, Datasource: source()}
	zero := 0.0
	f := defaults{Unit: g.unit, Min: &zero}
	if g.stat {
		p.Type = "stat"
		p.Options = map[string]any{
			"colorMode": "value", "graphMode": "area", "reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}},
			"justifyMode": "auto", "orientation": "auto", "textMode": "auto", "wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard",
		}
		below, above := "green", "red"
		if g.low {
			below, above = above, below
		}
		f.Thresholds = &thresholds{"absolute", []step{{Color: below}, {above, &g.alarm}}}
	} else {
		f.Custom = map[string]any{"fillOpacity": 10, "showPoints": "never", "spanNulls": false}
		if g.stack {
			f.Custom["stacking"] = map[string]any{"mode": "normal"}
			f.Custom["fillOpacity"] = 40
		}
		p.Options = map[string]any{
			"legend":  map[string]any{"showLegend": true, "displayMode": "table", "placement": "bottom", "calcs": []string{"lastNotNull", "max"}},
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
		}
	}
	p.FieldConfig = &fields{Defaults: f, Overrides: []any{}}
	for i, q := range g.queries {
		p.Targets = append(p.Targets, target{RefID: string(rune('A' + i)), Expr: q.expr, LegendFormat: q.legend, Datasource: source(), Range: true})
	}
	return p
}
