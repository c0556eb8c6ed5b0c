// The interceptor before every handler: it counts requests and applies the fault rules.

package frontend

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/soap"

	"cutover.smc/lab/vcenter/internal/sim"
)

const maximumRequest = 16 << 20

// interceptor counts requests and applies fault rules before it calls the next handler.
type interceptor struct {
	simulation *sim.Simulation
	requests   *Requests
	faults     *Faults
}

// soap intercepts the calls to /sdk. Calls without a matching rule fail if the user does not have a needed privilege.
func (i *interceptor) soap(next http.HandlerFunc) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, maximumRequest))
		if err != nil {
			http.Error(writer, "the request cannot be read", http.StatusBadRequest)
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		call, err := parseCall(body)
		if err != nil {
			next(writer, request) // the simulator answers with the error
			return
		}
		i.count(request, call.Method)
		rule := i.faults.Match(call.Method, i.simulation.Names(call.This), isLabClient(request))
		if rule == nil && !isLabClient(request) {
			rule = missingPrivilege(i.simulation, call, body)
		}
		i.apply(writer, request, call, rule, withFaultMessages(next))
	}
}

// files intercepts the requests for files of the datastore. A rule may refer to the VM to which a file belongs.
func (i *interceptor) files(next http.HandlerFunc) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		action := "HTTP " + request.Method + " /folder"
		i.count(request, action)
		names := []string{strings.Split(strings.TrimPrefix(request.URL.Path, folderPrefix), "/")[0]}
		rule := i.faults.Match(action, names, isLabClient(request))
		i.apply(writer, request, soapCall{Method: action}, rule, next)
	}
}

// rest intercepts the requests to the REST service. It counts them by method and resource.
func (i *interceptor) rest(next http.HandlerFunc) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		action := "HTTP " + request.Method + " " + restResource(request.URL)
		i.count(request, action)
		rule := i.faults.Match(action, nil, isLabClient(request))
		i.apply(writer, request, soapCall{Method: action}, rule, next)
	}
}

// restResource returns "tag" for /rest/com/vmware/cis/tagging/tag/id:..., and "tag-association list-attached-objects" for a
// request with an action.
func restResource(address *url.URL) string {
	path, _, _ := strings.Cut(address.Path, "/id:")
	resource := path[strings.LastIndex(path, "/")+1:]
	if action := address.Query().Get("~action"); action != "" {
		resource += " " + action
	}
	return resource
}

func (i *interceptor) count(request *http.Request, action string) {
	if !isLabClient(request) {
		i.requests.Add(action)
	}
}

// apply answers the request as the rule says. Without a rule it calls the next handler.
func (i *interceptor) apply(writer http.ResponseWriter, request *http.Request, call soapCall, rule *Rule, next http.HandlerFunc) {
	if rule == nil {
		next(writer, request)
		return
	}
	if !rule.Task || rule.Fault == "" {
		delayRequest(request, rule.delay())
	}
	status, isHTTP := strings.CutPrefix(rule.Fault, faultHTTP)
	snapshot, takesSnapshot := strings.CutPrefix(rule.Fault, faultSnapshot)
	switch {
	case rule.Fault == "":
		next(writer, request)
	case rule.Fault == faultDisconnect:
		panic(http.ErrAbortHandler)
	case rule.Fault == faultDisconnectAfter:
		next(httptest.NewRecorder(), request)
		panic(http.ErrAbortHandler)
	case rule.Fault == faultPowerOff:
		logFailure(rule, i.simulation.OtherUser.PowerOff(request.Context(), call.This))
		next(writer, request)
	case takesSnapshot:
		logFailure(rule, i.simulation.OtherUser.TakeSnapshot(request.Context(), call.This, snapshot))
		next(writer, request)
	case rule.Fault == faultEndSession:
		if cookie, err := request.Cookie(soap.SessionCookieName); err == nil {
			i.simulation.Sessions.End(cookie.Value)
		}
		next(writer, request)
	case isHTTP:
		code, _ := strconv.Atoi(status) // Rule.check has validated the number
		http.Error(writer, "the lab was asked for this status", code)
	default:
		i.fail(writer, call, rule)
	}
}

func delayRequest(request *http.Request, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-request.Context().Done():
	}
}

func logFailure(rule *Rule, err error) {
	if err != nil {
		log.Printf("fault %s: %v", rule.Fault, err)
	}
}

// fail answers with the rule's fault, or with a task that fails with it.
func (i *interceptor) fail(writer http.ResponseWriter, call soapCall, rule *Rule) {
	fault, err := rule.build(call.This)
	if err == nil && rule.Task {
		name := strings.TrimSuffix(call.Method, "_Task")
		writeTask(writer, call.Method, i.simulation.Inventory.StartFailingTask(call.This, name, rule.delay(), fault))
		return
	}
	if err == nil {
		err = writeFault(writer, fault)
	}
	if err != nil {
		logFailure(rule, err)
		http.Error(writer, err.Error(), http.StatusInternalServerError)
	}
}
