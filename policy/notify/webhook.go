package notify

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	// v0.0.1 of 2026-05-11 is the only release; nothing but the standard library is behind it.
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sttgate/sttgate/config/secret"
)

// ToWebhook is the name of the sink of [NewWebhook].
const ToWebhook = "webhook"

// Webhook posts messages, signed as Standard Webhooks says.
type Webhook struct {
	poster

	at atomic.Pointer[recipient]
}

// recipient is whom an attempt goes to: where, and what it is signed with.
type recipient struct {
	url string
	key *standardwebhooks.Webhook
}

var _ Sink = (*Webhook)(nil)

// NewWebhook builds the sink of a config that Validate has passed.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	w := &Webhook{poster: newPoster("")}
	return w, w.Follow(c)
}

// Follow sends what comes from now on to another recipient, also what waits. An attempt under way goes on as it began.
func (w *Webhook) Follow(c WebhookConfig) error {
	secret, err := signingKey(c.Secret)
	if err != nil {
		return err
	}
	key, err := standardwebhooks.NewWebhookRaw(secret)
	if err != nil {
		return errors.New("notify.webhook.secret cannot sign") // the cause may show it
	}
	w.at.Store(&recipient{c.URL, key})
	return nil
}

// Name is Sink.Name.
func (w *Webhook) Name() string { return ToWebhook }

// Take is Sink.Take. Each message is one request; its timestamp is that of the attempt, for receivers refuse old ones.
func (w *Webhook) Take(ctx context.Context, ms []Message) (int, error) {
	for n, m := range ms {
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		now, id, to := time.Now(), WebhookID(m.ID), w.at.Load()
		signature, err := to.key.Sign(id, now, m.Body)
		if err != nil {
			return n, errors.Join(err, ErrRefused)
		}
		h := http.Header{"Content-Type": {"application/json"}}
		h.Set(standardwebhooks.HeaderWebhookID, id)
		h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
		h.Set(standardwebhooks.HeaderWebhookSignature, signature)
		if err := w.postTo(ctx, to.url, m.Body, h); err != nil {
			return n, err
		}
	}
	return len(ms), nil
}

// WebhookID is the webhook-id of a message: equal for repetitions. A message's own ID may have a user's name in it,
// whose characters a header does not take, and whose dots are those of the signed content.
func WebhookID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// signingKey reads "whsec_" and 24 to 64 bytes in base64. Its error does not show them.
func signingKey(s secret.Value) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Reveal(), "whsec_"))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New(`must be whsec_ and 24 to 64 random bytes in base64: echo "whsec_$(openssl rand -base64 32)"`)
	}
	return key, nil
}
