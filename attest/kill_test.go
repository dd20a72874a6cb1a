package attest

// childVariable tells the test binary to append records to the named folder until it is killed.
const childVariable = "ATTEST_APPEND_TO"

func appendForever(string) {}
