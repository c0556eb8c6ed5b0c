// In front of the simulator: counts requests, lets faults happen, and gives the simulator's faults a sentence.

package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const maximumRequest = 16 << 20

// serveSOAP is the handler of /sdk.
func (l *Lab) serveSOAP(next http.HandlerFunc) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, maximumRequest))
		if err != nil {
			http.Error(writer, "the request cannot be read", http.StatusBadRequest)
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		call, err := parseCall(body)
		if err != nil {
			next(writer, request) // the simulator says what is wrong
			return
		}
		l.count(request, call.Method)
		rule := l.faults.Match(call.Method, l.namesOf(call.This), isLabClient(request))
		if rule == nil && !isLabClient(request) {
			rule = l.refuse(call, body)
		}
		l.carryOut(writer, request, call, rule, explained(next))
	}
}

// serveFiles is the handler of /folder/.
func (l *Lab) serveFiles(next http.HandlerFunc) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		action := "HTTP " + request.Method + " /folder"
		l.count(request, action)
		names := []string{strings.Split(strings.TrimPrefix(request.URL.Path, folderPrefix), "/")[0]}
		rule := l.faults.Match(action, names, isLabClient(request))
		l.carryOut(writer, request, soapCall{Method: action}, rule, next)
	}
}

func (l *Lab) count(request *http.Request, action string) {
	if !isLabClient(request) {
		l.requests.Add(action)
	}
}

// carryOut lets the rule, if there is one, happen in place of the request or around it.
func (l *Lab) carryOut(writer http.ResponseWriter, request *http.Request, call soapCall, rule *Rule, next http.HandlerFunc) {
	if rule == nil {
		next(writer, request)
		return
	}
	if !rule.Task || rule.Fault == "" {
		wait(request, rule.delay())
	}
	status, isHTTP := strings.CutPrefix(rule.Fault, faultHTTP)
	switch {
	case rule.Fault == "":
		next(writer, request)
	case rule.Fault == faultDisconnect:
		panic(http.ErrAbortHandler)
	case rule.Fault == faultDisconnectAfter:
		next(httptest.NewRecorder(), request)
		panic(http.ErrAbortHandler)
	case rule.Fault == faultPowerOff || strings.HasPrefix(rule.Fault, faultSnapshot):
		if err := l.interfere(request.Context(), call.This, rule.Fault); err != nil {
			log.Printf("fault %s: %v", rule.Fault, err)
		}
		next(writer, request)
	case rule.Fault == faultEndSession:
		if cookie, err := request.Cookie(soap.SessionCookieName); err == nil {
			l.endSession(cookie.Value)
		}
		next(writer, request)
	case isHTTP:
		code, _ := strconv.Atoi(status) // checked when the rule was made
		http.Error(writer, "the lab was asked for this status", code)
	default:
		l.fail(writer, call, rule)
	}
}

func wait(request *http.Request, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-request.Context().Done():
	}
}

// fail answers with the rule's fault, or with a task that ends with it.
func (l *Lab) fail(writer http.ResponseWriter, call soapCall, rule *Rule) {
	fault, err := rule.build(call.This)
	if err == nil && rule.Task {
		writeTask(writer, call.Method, l.startFailingTask(call, rule.delay(), fault))
		return
	}
	if err == nil {
		err = writeFault(writer, fault)
	}
	if err != nil {
		log.Printf("fault %s: %v", rule.Fault, err)
		http.Error(writer, err.Error(), http.StatusInternalServerError)
	}
}

func (l *Lab) startFailingTask(call soapCall, delay time.Duration, fault types.BaseMethodFault) types.ManagedObjectReference {
	name := strings.TrimSuffix(call.Method, "_Task")
	task := simulator.CreateTask(l.machineOf(call.This), name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		time.Sleep(delay)
		return nil, fault
	})
	return task.Run(l.context())
}

// namesOf are the names by which a rule may name the called object: its reference and its VM's name.
func (l *Lab) namesOf(ref types.ManagedObjectReference) []string {
	names := []string{ref.Value}
	if machine := l.machine(l.machineOf(ref)); machine != nil {
		names = append(names, machine.Name())
	}
	return names
}

// machineOf is the VM of a snapshot; any other object stands for itself.
func (l *Lab) machineOf(ref types.ManagedObjectReference) types.ManagedObjectReference {
	if snapshot, ok := l.registry.Get(ref).(*simulator.VirtualMachineSnapshot); ok {
		return snapshot.Vm
	}
	return ref
}

// emptyMessage finds a fault without a sentence of its own, and the fault's name.
var emptyMessage = regexp.MustCompile(`<faultstring>(?:Login failure)?</faultstring><detail><(\w+)Fault `)

// explained puts a sentence into faults that the simulator sends without one.
func explained(next http.HandlerFunc) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		held := &faultWriter{ResponseWriter: writer}
		next(held, request)
		if !held.failed {
			return
		}
		answer := held.body.Bytes()
		if found := emptyMessage.FindSubmatch(answer); found != nil {
			if message, ok := faultMessages[string(found[1])]; ok {
				told := fmt.Sprintf("<faultstring>%s</faultstring><detail><%sFault ", message, found[1])
				answer = bytes.Replace(answer, found[0], []byte(told), 1)
			}
		}
		writer.WriteHeader(http.StatusInternalServerError)
		_, _ = writer.Write(answer)
	}
}

// faultWriter holds back an answer whose status says that it is a fault.
type faultWriter struct {
	http.ResponseWriter
	failed bool
	body   bytes.Buffer
}

func (f *faultWriter) WriteHeader(status int) {
	if status == http.StatusInternalServerError {
		f.failed = true
		return
	}
	f.ResponseWriter.WriteHeader(status)
}

func (f *faultWriter) Write(data []byte) (int, error) {
	if f.failed {
		return f.body.Write(data)
	}
	return f.ResponseWriter.Write(data)
}
