package conformance

// What the users of Soniox's SDKs see. A quota error or a clean end, never a hang.

func sonioxNodeLive() map[string]want {
	return map[string]want{
		"whole":          {`connected → result → finished`, 1, "stream ok"},
		"peer":           {`connected → result → finished`, 1, "stream ok"},
		"minted":         {`token → connected → result → finished`, 1, "stream ok"},
		"refused":        {`connected → error QuotaError quota_exceeded 429 "budget daily of user USER is spent; the first of it comes back in TIME" → failed StateError state_error "Cannot send audio: session is in \"error\" state"`, 1, "refused budget_exhausted"},
		"cut":            {`connected → result → error QuotaError quota_exceeded 429 "budget daily of user USER is spent; the first of it comes back in TIME" → failed StateError state_error "Cannot send audio: session is in \"error\" state"`, 1, "stream budget_exhausted"},
		"vendor refuses": {`connected → error QuotaError quota_exceeded 402 "Organization balance exhausted." → failed StateError state_error "Cannot send audio: session is in \"error\" state"`, 1, "stream ok"},
		"vendor busy":    {`connected → error QuotaError quota_exceeded 429 "Requests per minute limit for your organization has been exceeded." → failed StateError state_error "Cannot send audio: session is in \"error\" state"`, 1, "stream ok"},
		"vendor fails":   {`connected → error NetworkError network_error 503 "Cannot continue request (code 1). Please restart the request." → failed StateError state_error "Cannot send audio: session is in \"error\" state"`, 1, "stream ok"},
		"vendor lost":    {`connected → error NetworkError network_error 503 "the connection to the vendor was lost; begin a new stream" → failed StateError state_error "Cannot send audio: session is in \"error\" state"`, 1, "stream vendor_lost"},
		"vanishes":       {``, 1, "stream client_lost"},
	}
}

func sonioxNodeFiles() map[string]want {
	return map[string]want{
		"whole":          {`completed → transcript "3.0 seconds heard "`, 2, "upload ok ×2, job settled"},
		"peer":           {`completed → transcript "3.0 seconds heard "`, 2, "upload ok ×2, job settled"},
		"minted":         {`token → completed → transcript "3.0 seconds heard "`, 2, "upload ok ×2, job settled"},
		"refused":        {`failed SonioxHttpError http_error 429 "HTTP 429" "budget daily of user USER is spent; the first of it comes back in TIME"`, 2, "upload ok, refused budget_exhausted"},
		"cut":            {`failed SonioxHttpError http_error 429 "HTTP 429" "budget daily of user USER is spent; 1s are left in daily, and this needs 3s"`, 2, "upload ok, refused budget_exhausted"},
		"vendor refuses": {`failed SonioxHttpError http_error 402 "HTTP 402" "Project does not have enough credits for an ASR request and does not have an overage agreement."`, 1, "upload vendor_refused"},
		"vendor fails":   {`failed SonioxHttpError http_error 503 "HTTP 503" "The service is unavailable."`, 1, "upload vendor_refused"},
		"job fails":      {`error "Invalid audio file."`, 2, "upload ok ×2, job settled"},
		"vanishes":       {``, 1, "upload client_lost"},
	}
}

func sonioxClient() map[string]want {
	return map[string]want{
		"whole":          {`connected → result → finished → stopped`, 1, "stream ok"},
		"minted":         {`token → connected → result → finished → stopped`, 1, "stream ok"},
		"refused":        {`connected → error QuotaError quota_exceeded 429 "budget daily of user USER is spent; the first of it comes back in TIME" → error`, 1, "refused budget_exhausted"},
		"cut":            {`connected → result → error QuotaError quota_exceeded 429 "budget daily of user USER is spent; the first of it comes back in TIME" → error`, 1, "stream budget_exhausted"},
		"vendor refuses": {`connected → error QuotaError quota_exceeded 402 "Organization balance exhausted." → error`, 1, "stream ok"},
		"vendor busy":    {`connected → error QuotaError quota_exceeded 429 "Requests per minute limit for your organization has been exceeded." → error`, 1, "stream ok"},
		"vendor fails":   {`connected → reconnecting 1 → connected → finished → stopped`, 2, "stream ok ×2"},
		"vendor lost":    {`connected → reconnecting 1 → connected → finished → stopped`, 2, "stream vendor_lost, stream ok"},
		"vanishes":       {``, 1, "stream client_lost"},
	}
}

func sonioxWeb() map[string]want {
	return map[string]want{
		"whole":          {`started → result → finished → Finished`, 1, "stream ok"},
		"minted":         {`token → started → result → finished → Finished`, 1, "stream ok"},
		"refused":        {`started → error api_error 429 "budget daily of user USER is spent; the first of it comes back in TIME" → Error`, 1, "refused budget_exhausted"},
		"cut":            {`started → result → error api_error 429 "budget daily of user USER is spent; the first of it comes back in TIME" → Error`, 1, "stream budget_exhausted"},
		"vendor refuses": {`started → error api_error 402 "Organization balance exhausted." → Error`, 1, "stream ok"},
		"vendor busy":    {`started → error api_error 429 "Requests per minute limit for your organization has been exceeded." → Error`, 1, "stream ok"},
		"vendor fails":   {`started → error api_error 503 "Cannot continue request (code 1). Please restart the request." → Error`, 1, "stream ok"},
		"vendor lost":    {`started → error api_error 503 "the connection to the vendor was lost; begin a new stream" → Error`, 1, "stream vendor_lost"},
		"vanishes":       {``, 1, "stream client_lost"},
	}
}
