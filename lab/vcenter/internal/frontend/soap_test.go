// Tests of what the frontend reads from a SOAP request.

package frontend

import (
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

func TestParseCallReadsMethodAndObject(t *testing.T) {
	call, err := parseCall([]byte(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="x"><e:Header><Other/></e:Header>` +
		`<e:Body><PowerOnVM_Task xmlns="urn:vim25"><_this xsi:type="ManagedObjectReference" type="VirtualMachine">vm-7</_this><host/></PowerOnVM_Task></e:Body></e:Envelope>`))
	want := soapCall{Method: "PowerOnVM_Task", This: types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-7"}}
	if err != nil || call != want {
		t.Errorf("got %+v (%v), want %+v", call, err, want)
	}
}

func TestParseCallRejectsOtherContent(t *testing.T) {
	for _, body := range []string{"", "text", "<Envelope><Body></Body></Envelope>"} {
		if call, err := parseCall([]byte(body)); err == nil {
			t.Errorf("%q was read as %+v", body, call)
		}
	}
}
