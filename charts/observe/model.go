package main

// The part of Grafana's dashboard model that is used here, as of schema version 39 (Grafana 10.3 and up).

type dashboard struct {
	UID           string         `json:"uid"`
	Title         string         `json:"title"`
	Description   string         `json:"description"`
	Tags          []string       `json:"tags"`
	SchemaVersion int            `json:"schemaVersion"`
	Version       int            `json:"version"`
	Refresh       string         `json:"refresh"`
	Time          map[string]any `json:"time"`
	GraphTooltip  int            `json:"graphTooltip"` // 1: one crosshair over all panels
	Editable      bool           `json:"editable"`
	Templating    templating     `json:"templating"`
	Annotations   templating     `json:"annotations"`
	Panels        []panel        `json:"panels"`
}

type templating struct {
	List []variable `json:"list"`
}

// variable is one that the reader chooses, or an annotation.
type variable struct {
	Name       string      `json:"name"`
	Label      string      `json:"label,omitempty"`
	Type       string      `json:"type,omitempty"`
	Datasource *datasource `json:"datasource,omitempty"`
	Query      string      `json:"query,omitempty"`
	Refresh    int         `json:"refresh,omitempty"` // 2: with the time range
	Sort       int         `json:"sort,omitempty"`
	Multi      bool        `json:"multi,omitempty"`
	IncludeAll bool        `json:"includeAll,omitempty"`
	AllValue   string      `json:"allValue,omitempty"`
	Current    *choice     `json:"current,omitempty"`
	// Of annotations.
	Enable    bool   `json:"enable,omitempty"`
	Expr      string `json:"expr,omitempty"`
	IconColor string `json:"iconColor,omitempty"`
	TextForm  string `json:"textFormat,omitempty"`
	TitleForm string `json:"titleFormat,omitempty"`
}

type choice struct {
	Text  any `json:"text"`
	Value any `json:"value"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description,omitempty"`
	GridPos     position    `json:"gridPos"`
	Collapsed   *bool       `json:"collapsed,omitempty"` // of rows, as is the next: Grafana wants both said
	Panels      []panel     `json:"panels,omitzero"`
	Datasource  *datasource `json:"datasource,omitempty"`
	FieldConfig *fields     `json:"fieldConfig,omitempty"`
	Options     any         `json:"options,omitempty"`
	Targets     []target    `json:"targets,omitempty"`
}

type position struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type target struct {
	RefID        string      `json:"refId"`
	Expr         string      `json:"expr"`
	LegendFormat string      `json:"legendFormat"`
	Datasource   *datasource `json:"datasource"`
	Instant      bool        `json:"instant,omitempty"`
	Range        bool        `json:"range,omitempty"`
}

type fields struct {
	Defaults  defaults `json:"defaults"`
	Overrides []any    `json:"overrides"`
}

type defaults struct {
	Unit       string         `json:"unit"`
	Min        *float64       `json:"min,omitempty"`
	Max        *float64       `json:"max,omitempty"`
	Custom     map[string]any `json:"custom,omitempty"`
	Thresholds *thresholds    `json:"thresholds,omitempty"`
}

type thresholds struct {
	Mode  string `json:"mode"`
	Steps []step `json:"steps"`
}

type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"` // null: from the beginning
}
