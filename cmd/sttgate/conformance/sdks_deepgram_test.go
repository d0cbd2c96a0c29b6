package conformance

// What the users of Deepgram's SDKs see. A quota error or a clean end, never a hang.

func deepgramGoLive() map[string]want {
	return map[string]want{
		"whole":          {`open → Results → Metadata → close`, 1, "stream ok"},
		"peer":           {`open → Results → Metadata → close`, 1, "stream ok"},
		"refused":        {`failed "Connect returns false"`, 3, "refused budget_exhausted ×3"},
		"cut":            {`open → Results → error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → Metadata → close`, 1, "stream ok"},
		"closed":         {`open → Results → Metadata → error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → error "close 1008" "budget_exhausted" → close → failed "connection is not valid"`, 4, "stream budget_exhausted, refused budget_exhausted ×3"},
		"dropped":        {`open → Results → error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → Metadata → close`, 1, "stream ok"},
		"vendor refuses": {`failed "Connect returns false"`, 3, "refused vendor_refused ×3"},
		"vendor busy":    {`failed "Connect returns false"`, 3, "refused vendor_refused ×3"},
		"vendor fails":   {`open → error "close 1011" "NET-0000" → close → open → Metadata → close`, 2, "stream ok ×2"},
		"vendor lost":    {`open → error Bad Gateway "the connection to the vendor was lost; begin a new stream" → error "close 1011" "upstream_unreachable" → close → open → Metadata → close`, 2, "stream vendor_lost, stream ok"},
		"vanishes":       {``, 1, "stream client_lost"},
	}
}

func deepgramGoFiles() map[string]want {
	return map[string]want{
		"whole":          {`transcript "heard 96044 bytes 3.000 seconds"`, 1, "upload ok"},
		"peer":           {`transcript "heard 96044 bytes 3.000 seconds"`, 1, "upload ok"},
		"refused":        {`failed "POST http://GATEWAY/v1/listen?model=nova-3: 429 Too Many Requests"`, 1, "refused budget_exhausted"},
		"cut":            {`failed "POST http://GATEWAY/v1/listen?model=nova-3: 429 Too Many Requests"`, 1, "refused budget_exhausted"},
		"vendor refuses": {`failed "POST http://GATEWAY/v1/listen?model=nova-3: 402 Payment Required"`, 1, "upload vendor_refused"},
		"vendor fails":   {`failed "POST http://GATEWAY/v1/listen?model=nova-3: 503 Service Unavailable"`, 1, "upload vendor_refused"},
		"vanishes":       {``, 1, "upload client_lost"},
	}
}

func deepgram5Live() map[string]want {
	return map[string]want{
		"whole":          {`open → Results → Metadata → close 1000`, 1, "stream ok"},
		"peer":           {`open → Results → Metadata → close 1000`, 1, "stream ok"},
		"minted":         {`token → open → Results → Metadata → close 1000`, 1, "stream ok"},
		"refused":        {`close 1000 → error Error "Unexpected server response: 429" → failed ErrorEvent error "Unexpected server response: 429"`, 1, "refused budget_exhausted"},
		"cut":            {`open → Results → Error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → Metadata → close 1000`, 1, "stream ok"},
		"closed":         {`open → Results → Metadata → Error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → close 1008 "budget_exhausted" → close 1000 → error Error "Unexpected server response: 429"`, 2, "stream budget_exhausted, refused budget_exhausted"},
		"dropped":        {`open → Results → Error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → Metadata → close 1000`, 1, "stream ok"},
		"vendor refuses": {`close 1000 → error Error "Unexpected server response: 402" → failed ErrorEvent error "Unexpected server response: 402"`, 1, "refused vendor_refused"},
		"vendor busy":    {`close 1000 → error Error "Unexpected server response: 429" → failed ErrorEvent error "Unexpected server response: 429"`, 1, "refused vendor_refused"},
		"vendor fails":   {`open → close 1011 "NET-0000" → open → Metadata → close 1000`, 2, "stream ok ×2"},
		"vendor lost":    {`open → Error Bad Gateway "the connection to the vendor was lost; begin a new stream" → close 1011 "upstream_unreachable" → open → Metadata → close 1000`, 2, "stream vendor_lost, stream ok"},
		"vanishes":       {``, 1, "stream client_lost"},
	}
}

func deepgram5Flux() map[string]want {
	return map[string]want{
		"whole":          {`open → Connected → TurnInfo → close 1000`, 1, "stream ok"},
		"peer":           {`open → Connected → TurnInfo → close 1000`, 1, "stream ok"},
		"minted":         {`token → open → Connected → TurnInfo → close 1000`, 1, "stream ok"},
		"refused":        {`close 1000 → error Error "Unexpected server response: 429" → failed ErrorEvent error "Unexpected server response: 429"`, 1, "refused budget_exhausted"},
		"cut":            {`open → Connected → TurnInfo → Error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → close 1008 "budget_exhausted" → close 1000 → error Error "Unexpected server response: 429"`, 2, "stream budget_exhausted, refused budget_exhausted"},
		"closed":         {`open → Connected → TurnInfo → Error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → close 1008 "budget_exhausted" → close 1000 → error Error "Unexpected server response: 429"`, 2, "stream budget_exhausted, refused budget_exhausted"},
		"vendor refuses": {`close 1000 → error Error "Unexpected server response: 402" → failed ErrorEvent error "Unexpected server response: 402"`, 1, "refused vendor_refused"},
		"vendor busy":    {`close 1000 → error Error "Unexpected server response: 429" → failed ErrorEvent error "Unexpected server response: 429"`, 1, "refused vendor_refused"},
		"vendor fails":   {`open → Connected → close 1011 "NET-0000" → open → Connected → close 1000`, 2, "stream ok ×2"},
		"vendor lost":    {`open → Connected → Error Bad Gateway "the connection to the vendor was lost; begin a new stream" → close 1011 "upstream_unreachable" → open → Connected → close 1000`, 2, "stream vendor_lost, stream ok"},
		"vanishes":       {``, 1, "stream client_lost"},
	}
}

func deepgram5Files() map[string]want {
	return map[string]want{
		"whole":          {`transcript "heard 96044 bytes 3.000 seconds"`, 1, "upload ok"},
		"peer":           {`transcript "heard 96044 bytes 3.000 seconds"`, 1, "upload ok"},
		"minted":         {`token → transcript "heard 96044 bytes 3.000 seconds"`, 1, "upload ok"},
		"refused":        {`failed DeepgramError 429 "Status code: 429 Body: {… budget daily of user USER is spent; the first of it comes back in TIME …}"`, 3, "refused budget_exhausted ×3"},
		"cut":            {`failed DeepgramError 429 "Status code: 429 Body: {… budget daily of user USER is spent; 1s are left in daily, and this needs 3s …}"`, 3, "refused budget_exhausted ×3"},
		"vendor refuses": {`failed DeepgramError 402 "Status code: 402 Body: {… Project does not have enough credits for an ASR request and does not have an overage agreement. …}"`, 1, "upload vendor_refused"},
		"vendor fails":   {`transcript "heard 96044 bytes 3.000 seconds"`, 2, "upload vendor_refused, upload ok"},
		"vanishes":       {``, 1, "upload client_lost"},
	}
}

func deepgram4Live() map[string]want {
	return map[string]want{
		"whole":          {`open → Results → Metadata → close 1000`, 1, "stream ok"},
		"peer":           {`open → Results → Metadata → close 1000`, 1, "stream ok"},
		"minted":         {`token → open → Results → Metadata → close 1000`, 1, "stream ok"},
		"refused":        {`error 429 "Unexpected server response: 429 (Status: 429, Request ID: ID, Ready State: CLOSING, URL: ws://GATEWAY/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000&interim_results=true)" → close 1006`, 1, "refused budget_exhausted"},
		"cut":            {`open → Results → Error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → Metadata → close 1000`, 1, "stream ok"},
		"closed":         {`open → Results → Metadata → Error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → close 1008 "budget_exhausted"`, 1, "stream budget_exhausted"},
		"dropped":        {`open → Results → Error TOO_MANY_REQUESTS "budget daily of user USER is spent; the first of it comes back in TIME" → Metadata → close 1000`, 1, "stream ok"},
		"vendor refuses": {`error 402 "Unexpected server response: 402 (Status: 402, Request ID: ID, Ready State: CLOSING, URL: ws://GATEWAY/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000&interim_results=true)" → close 1006`, 1, "refused vendor_refused"},
		"vendor busy":    {`error 429 "Unexpected server response: 429 (Status: 429, Request ID: ID, Ready State: CLOSING, URL: ws://GATEWAY/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000&interim_results=true)" → close 1006`, 1, "refused vendor_refused"},
		"vendor fails":   {`open → close 1011 "NET-0000"`, 1, "stream ok"},
		"vendor lost":    {`open → Error Bad Gateway "the connection to the vendor was lost; begin a new stream" → close 1011 "upstream_unreachable"`, 1, "stream vendor_lost"},
		"vanishes":       {``, 1, "stream client_lost"},
	}
}

func deepgram4Files() map[string]want {
	return map[string]want{
		"whole":          {`transcript "heard 96044 bytes 3.000 seconds"`, 1, "upload ok"},
		"peer":           {`transcript "heard 96044 bytes 3.000 seconds"`, 1, "upload ok"},
		"minted":         {`token → transcript "heard 96044 bytes 3.000 seconds"`, 1, "upload ok"},
		"refused":        {`failed DeepgramApiError 429 "{… budget daily of user USER is spent; the first of it comes back in TIME …}"`, 1, "refused budget_exhausted"},
		"cut":            {`failed DeepgramApiError 429 "{… budget daily of user USER is spent; 1s are left in daily, and this needs 3s …}"`, 1, "refused budget_exhausted"},
		"vendor refuses": {`failed DeepgramApiError 402 "{… Project does not have enough credits for an ASR request and does not have an overage agreement. …}"`, 1, "upload vendor_refused"},
		"vendor fails":   {`failed DeepgramApiError 503 "{… The service is unavailable. …}"`, 1, "upload vendor_refused"},
		"vanishes":       {``, 1, "upload client_lost"},
	}
}
