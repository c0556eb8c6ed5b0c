// Counts the requests of clients, and decides which of them change something.

package frontend

import (
	"net/http"
	"sort"
	"strings"
	"sync"
)

// LabUserAgent is the prefix of the User-Agent of the lab's own clients. Their requests are not counted.
const LabUserAgent = "cutover-lab"

// RequestCount is the number of requests for one action.
type RequestCount struct {
	Service  string `json:"service"`
	Action   string `json:"action"`
	Count    int    `json:"count"`
	Mutating bool   `json:"mutating"`
}

// Requests counts requests by action. Its methods may be called from any goroutine.
type Requests struct {
	mu     sync.Mutex
	counts map[string]int
}

func newRequests() *Requests { return &Requests{counts: map[string]int{}} }

// Add counts one request.
func (r *Requests) Add(action string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[action]++
}

// Reset deletes all counts.
func (r *Requests) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts = map[string]int{}
}

// List returns all counts, ordered by action.
func (r *Requests) List() []RequestCount {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []RequestCount{}
	for action, count := range r.counts {
		list = append(list, RequestCount{Service: "vcenter", Action: action, Count: count, Mutating: isMutating(action)})
	}
	sort.Slice(list, func(a, b int) bool { return list[a].Action < list[b].Action })
	return list
}

// readOnlyPrefixes are prefixes of methods that only read, or that only manage the state of the client's session.
var readOnlyPrefixes = []string{
	"Acquire", "Browse", "CancelWaitFor", "Check", "ContinueRetrieve", "CreateCollector", "Current", "Estimate", "Fetch",
	"Find", "Has", "List", "Login", "Query", "Read", "Refresh", "Retrieve", "Search", "Validate", "WaitFor",
	"HTTP GET ", "HTTP HEAD ", "HTTP POST tag-association list-",
}

var readOnlyMethods = map[string]bool{
	"CheckForUpdates": true, "CloneSession": true, "CreateContainerView": true, "CreateFilter": true, "CreateInventoryView": true,
	"CreateListView": true, "CreateListViewFromView": true, "CreatePropertyCollector": true, "CloseInventoryViewFolder": true,
	"DestroyCollector": true, "DestroyPropertyCollector": true, "DestroyPropertyFilter": true, "DestroyView": true,
	"ModifyListView": true, "OpenInventoryViewFolder": true, "ResetCollector": true, "ResetListView": true,
	"ResetListViewFromView": true, "RewindCollector": true, "SessionIsActive": true, "SetCollectorPageSize": true,
	"SetLocale": true, "Logout": true, "HTTP POST session": true, "HTTP DELETE session": true,
}

// isMutating treats every method as mutating that is not known to be read-only.
func isMutating(action string) bool {
	if readOnlyMethods[action] {
		return false
	}
	for _, prefix := range readOnlyPrefixes {
		if strings.HasPrefix(action, prefix) {
			return false
		}
	}
	return true
}

func isLabClient(request *http.Request) bool {
	return strings.HasPrefix(request.UserAgent(), LabUserAgent)
}
