package conformance

// What the users of Speechmatics's SDKs see. A quota error or a clean end, never a hang.

func speechmaticsLive() map[string]want {
	return map[string]want{
		"whole":          {`Info → RecognitionStarted → AudioAdded → AddTranscript → EndOfTranscript → closed`, 1, "stream ok"},
		"peer":           {`Info → RecognitionStarted → AudioAdded → AddTranscript → EndOfTranscript → closed`, 1, "stream ok"},
		"minted":         {`token → Info → RecognitionStarted → AudioAdded → AddTranscript → EndOfTranscript → closed`, 1, "stream ok"},
		"refused":        {`Error timelimit_exceeded 4006 "budget daily of user USER is spent; the first of it comes back in TIME" → failed Error "timelimit_exceeded" → closed`, 1, "refused budget_exhausted"},
		"cut":            {`Info → RecognitionStarted → AudioAdded → AddTranscript → Error timelimit_exceeded 4006 "budget daily of user USER is spent; the first of it comes back in TIME" → failed SpeechmaticsRealtimeError "Socket not ready to receive audio" → closed`, 1, "stream budget_exhausted"},
		"dropped":        {`Info → RecognitionStarted → AudioAdded → AddTranscript → Warning duration_limit_exceeded "budget daily of user USER is spent; the first of it comes back in TIME" → EndOfTranscript → closed`, 1, "stream ok"},
		"vendor refuses": {`Info → Error timelimit_exceeded 4006 "Usage quota for the contract has been reached" → failed Error "timelimit_exceeded" → closed`, 1, "stream ok"},
		"vendor busy":    {`Info → Error quota_exceeded 4005 "Concurrent Quota Exceeded" → failed Error "quota_exceeded" → closed`, 1, "stream ok"},
		"vendor fails":   {`Info → RecognitionStarted → Error job_error 4013 "Unable to do any work on this job" → failed SpeechmaticsRealtimeError "Socket not ready to receive audio" → closed`, 1, "stream ok"},
		"vendor lost":    {`Info → RecognitionStarted → Error unknown_error 1011 "the connection to the vendor was lost; begin a new stream" → failed SpeechmaticsRealtimeError "Socket not ready to receive audio" → closed`, 1, "stream vendor_lost"},
		"vanishes":       {``, 1, "stream client_lost"},
	}
}

func speechmaticsFiles() map[string]want {
	return map[string]want{
		"whole":          {`transcript "3.0 seconds heard."`, 1, "upload ok, job settled"},
		"minted":         {`token → transcript "3.0 seconds heard."`, 1, "upload ok, job settled"},
		"refused":        {`failed SpeechmaticsResponseError "Forbidden" "budget daily of user USER is spent; the first of it comes back in TIME"`, 1, "refused budget_exhausted"},
		"cut":            {`failed SpeechmaticsResponseError "Forbidden" "budget daily of user USER is spent; 1s are left in daily, and this needs 3s"`, 1, "refused budget_exhausted"},
		"vendor refuses": {`failed SpeechmaticsResponseError "Forbidden" "Project does not have access to the requested model."`, 1, "upload vendor_refused"},
		"vendor fails":   {`failed SpeechmaticsResponseError "Internal Server Error" "The service is unavailable."`, 1, "upload vendor_refused"},
		"job fails":      {`failed "the audio could not be used"`, 1, "upload ok, job settled"},
		"vanishes":       {``, 1, "upload client_lost"},
	}
}

func speechmatics4Live() map[string]want {
	return map[string]want{
		"whole":          {`RecognitionStarted → AddTranscript → EndOfTranscript → stopped`, 1, "stream ok"},
		"peer":           {`RecognitionStarted → AddTranscript → EndOfTranscript → stopped`, 1, "stream ok"},
		"refused":        {`Error timelimit_exceeded 4006 "budget daily of user USER is spent; the first of it comes back in TIME" → failed timelimit_exceeded 4006 "Error" "budget daily of user USER is spent; the first of it comes back in TIME"`, 1, "refused budget_exhausted"},
		"cut":            {`RecognitionStarted → AddTranscript → Error timelimit_exceeded 4006 "budget daily of user USER is spent; the first of it comes back in TIME"`, 1, "stream budget_exhausted"},
		"dropped":        {`RecognitionStarted → AddTranscript → EndOfTranscript → stopped`, 1, "stream ok"},
		"vendor refuses": {`Error timelimit_exceeded 4006 "Usage quota for the contract has been reached" → failed timelimit_exceeded 4006 "Error" "Usage quota for the contract has been reached"`, 1, "stream ok"},
		"vendor busy":    {`Error quota_exceeded 4005 "Concurrent Quota Exceeded" → failed quota_exceeded 4005 "Error" "Concurrent Quota Exceeded"`, 1, "stream ok"},
		"vendor fails":   {`RecognitionStarted → Error job_error 4013 "Unable to do any work on this job"`, 1, "stream ok"},
		"vendor lost":    {`RecognitionStarted → Error unknown_error 1011 "the connection to the vendor was lost; begin a new stream"`, 1, "stream vendor_lost"},
		"vanishes":       {``, 1, "stream client_lost"},
	}
}

func speechmatics4Files() map[string]want {
	return map[string]want{
		"whole":          {`transcript "3.0 seconds heard."`, 1, "upload ok, job settled"},
		"refused":        {`failed SpeechmaticsResponseError "Forbidden" "budget daily of user USER is spent; the first of it comes back in TIME"`, 1, "refused budget_exhausted"},
		"cut":            {`failed SpeechmaticsResponseError "Forbidden" "budget daily of user USER is spent; 1s are left in daily, and this needs 3s"`, 1, "refused budget_exhausted"},
		"vendor refuses": {`failed SpeechmaticsResponseError "Forbidden" "Project does not have access to the requested model."`, 1, "upload vendor_refused"},
		"vendor fails":   {`failed SpeechmaticsResponseError "Internal Server Error" "The service is unavailable."`, 1, "upload vendor_refused"},
		"job fails":      {`failed "the audio could not be used"`, 1, "upload ok, job settled"},
		"vanishes":       {``, 1, "upload client_lost"},
	}
}
