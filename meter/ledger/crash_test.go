package ledger_test

const victimDir = "STTGATE_LEDGER_VICTIM"

func victim(string) {}
