package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/proxy"
)

// minting is the command line of token mint.
type minting struct {
	config, user, plan string
	ttl                time.Duration
	json               bool
}

// mintedToken is the token for programs.
type mintedToken struct {
	Token   string    `json:"token"`
	User    string    `json:"user"`
	Plan    string    `json:"plan,omitempty"`
	Expires time.Time `json:"expires"`
}

func (p *program) tokenCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "token",
		Short: "Make caller tokens",
		Long: `Caller tokens tell the gateway who is calling. They stand where the vendor's SDK puts
its key, so they work in every SDK and in browsers.`,
		Example: `  sttgate token mint --user ann`,
	}, p.mintCommand())
}

func (p *program) mintCommand() *cobra.Command {
	var m minting
	c := &cobra.Command{
		Use:   "mint",
		Short: "Make a caller token for a user",
		Long: `Signs a caller token with identity.tokens.secret of the config and prints it. No
gateway is asked; a running one with the same secret accepts it at once.`,
		Example: `  sttgate token mint --user ann --ttl 1h
  sttgate token mint --user ann --plan pro --config gate.yaml --json
  DEEPGRAM_API_KEY=$(sttgate token mint --user ann) ./your-program`,
		Args: cobra.NoArgs,
	}
	configFlag(c, &m.config)
	c.Flags().StringVar(&m.user, "user", "", "the user's `id`: 1 to 128 of A-Z a-z 0-9 . _ @ : -")
	c.Flags().StringVar(&m.plan, "plan", "", "the user's plan")
	c.Flags().DurationVar(&m.ttl, "ttl", 24*time.Hour, "how long the token opens streams; a running one outlives it")
	jsonFlag(c, &m.json)
	c.RunE = body(func(context.Context, []string) error { return p.mint(m, time.Now()) })
	return c
}

func (p *program) mint(m minting, now time.Time) error {
	if m.user == "" {
		return usagef("--user says for whom the token is; it is missing")
	}
	cfg, err := p.load(m.config)
	if err != nil {
		return err
	}
	minter, err := proxy.NewMinter(cfg.Proxy.Identity.Tokens)
	if err != nil {
		return err
	}
	token, err := minter.Mint(m.user, m.plan, m.ttl, now)
	if err != nil {
		return err
	}
	if m.json {
		return p.printJSON(mintedToken{Token: token, User: m.user, Plan: m.plan, Expires: now.Add(m.ttl).UTC().Truncate(time.Second)})
	}
	return p.print("%s\n", token)
}
