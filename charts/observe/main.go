package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// dashboardFile is seen from the top of the tree, where make runs.
const dashboardFile = "charts/sttgate/files/dashboard.json"

func main() {
	if err := write(dashboardFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write makes the dashboard's file anew.
func write(file string) error {
	raw, err := marshal()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Clean(file), raw, 0o644); err != nil { //nolint:gosec // it is checked in, for everybody
		return fmt.Errorf("dashboard: %w", err)
	}
	return nil
}

func marshal() ([]byte, error) {
	raw, err := json.MarshalIndent(newDashboard(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	return append(raw, '\n'), nil
}
