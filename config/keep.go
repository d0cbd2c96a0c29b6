package config

// Keeping is c where what only a start can change is as in old: addresses that are open, stores and services that are
// connected to. Everything else of a file may change while the gateway runs.
func (c Config) Keeping(old Config) Config {
	c.Proxy = c.Proxy.Keeping(old.Proxy)
	c.Admin, c.Ledger, c.Events = old.Admin, old.Ledger, old.Events
	if (c.Notify.Webhook.URL == "") != (old.Notify.Webhook.URL == "") { // the outbox is opened, or left closed
		c.Notify.Webhook = old.Notify.Webhook
	}
	c.Log.Format, c.Tracing = old.Log.Format, old.Tracing
	c.Policy.Rules.Source, c.Policy.External = old.Policy.Rules.Source, old.Policy.External
	c.Policy.Review.Classifier, c.Policy.Review.Credits = old.Policy.Review.Classifier, old.Policy.Review.Credits
	return c.keepingLayout(old)
}

// keepingLayout keeps what the keys of ledger.redis.layout fair_use were opened for: which budget is the backend's day,
// and what its minutes count.
func (c Config) keepingLayout(old Config) Config {
	was, err := old.FairUse(nil)
	if err == nil && was.Budget != "" {
		is, err := c.FairUse(nil)
		if err != nil || is.Budget != was.Budget {
			c.Proxy.Budgets = old.Proxy.Budgets
		}
		c.Policy.Rules.Basis = old.Policy.Rules.Basis
	}
	c.Policy = c.Policy.whole()
	return c
}
