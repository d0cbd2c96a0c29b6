package main

import (
	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// What a shell may be offered without asking anybody.

func vendorList() (names []string) {
	for _, p := range provider.Builtin() {
		names = append(names, p.Name())
	}
	return names
}

func stageList() (names []string) {
	for _, s := range policy.Stages() {
		names = append(names, string(s))
	}
	return names
}

// completeFlag offers words for a flag.
func completeFlag(c *cobra.Command, flag string, words func() []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag is not there: every test of the program says so
	}
}

// completeArg offers words for the argument at a position, and nothing for the others.
func completeArg(c *cobra.Command, at int, words func() []string) {
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) != at {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words(), cobra.ShellCompDirectiveNoFileComp
	}
}
