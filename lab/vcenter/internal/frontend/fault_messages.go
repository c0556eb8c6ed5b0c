// Adds a message to the faults that the simulator answers without one.

package frontend

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"

	"cutover.smc/lab/vcenter/internal/sim"
)

// emptyMessage matches a fault without a message of its own. The group is the name of the fault.
var emptyMessage = regexp.MustCompile(`<faultstring>(?:Login failure)?</faultstring><detail><(\w+)Fault `)

// withFaultMessages adds a message to the faults of the next handler.
func withFaultMessages(next http.HandlerFunc) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		held := &faultWriter{ResponseWriter: writer}
		next(held, request)
		if !held.failed {
			return
		}
		answer := held.body.Bytes()
		if found := emptyMessage.FindSubmatch(answer); found != nil {
			if message, ok := sim.MessageOfFault(string(found[1])); ok {
				replacement := fmt.Sprintf("<faultstring>%s</faultstring><detail><%sFault ", message, found[1])
				answer = bytes.Replace(answer, found[0], []byte(replacement), 1)
			}
		}
		writer.WriteHeader(http.StatusInternalServerError)
		_, _ = writer.Write(answer)
	}
}

// faultWriter holds back an answer whose status shows that it is a fault.
type faultWriter struct {
	http.ResponseWriter
	failed bool
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (f *faultWriter) WriteHeader(status int) {
	if status == http.StatusInternalServerError {
		f.failed = true
		return
	}
	f.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (f *faultWriter) Write(data []byte) (int, error) {
	if f.failed {
		return f.body.Write(data)
	}
	return f.ResponseWriter.Write(data)
}
