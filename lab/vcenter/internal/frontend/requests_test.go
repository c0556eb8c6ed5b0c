// Tests of which requests count as mutating.

package frontend

import "testing"

func TestRequestsAreMutatingUnlessKnown(t *testing.T) {
	for action, want := range map[string]bool{
		"RetrievePropertiesEx": false, "CreateFilter": false, "HTTP GET tag": false, "HTTP POST session": false,
		"HTTP POST tag-association list-attached-objects": false,
		"PowerOnVM_Task": true, "HTTP POST tag": true, "HTTP PUT /folder": true, "AMethodOfALaterVersion": true,
	} {
		if got := isMutating(action); got != want {
			t.Errorf("%s: mutating %v", action, got)
		}
	}
}
