// The part of SOAP that the frontend itself reads and writes.

package frontend

import (
	"bytes"
	stdxml "encoding/xml"
	"fmt"
	"net/http"
	"reflect"

	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"

	"cutover.smc/lab/vcenter/internal/sim"
)

// soapCall says which method a request calls on which object.
type soapCall struct {
	Method string
	This   types.ManagedObjectReference
}

// parseCall reads only as far as the method's first argument, which is the object.
func parseCall(body []byte) (soapCall, error) {
	decoder := stdxml.NewDecoder(bytes.NewReader(body))
	var call soapCall
	inBody := false
	for {
		token, err := decoder.Token()
		if err != nil {
			return call, err
		}
		element, ok := token.(stdxml.StartElement)
		switch {
		case !ok:
		case !inBody:
			inBody = element.Name.Local == "Body"
		case call.Method == "":
			call.Method = element.Name.Local
		case element.Name.Local == "_this":
			call.This.Type = attribute(element, "type")
			err = decoder.DecodeElement(&call.This.Value, &element)
			return call, err
		default:
			return call, nil
		}
	}
}

// attribute returns the attribute without a namespace, because xsi:type has the same local name.
func attribute(element stdxml.StartElement, name string) string {
	for _, candidate := range element.Attr {
		if candidate.Name.Local == name && candidate.Name.Space == "" {
			return candidate.Value
		}
	}
	return ""
}

const envelopeFormat = xml.Header + `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"` +
	` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
	`<soapenv:Body>%s</soapenv:Body></soapenv:Envelope>`

func writeEnvelope(writer http.ResponseWriter, status int, body string) {
	writer.Header().Set("Content-Type", "text/xml; charset=utf-8")
	writer.WriteHeader(status)
	_, _ = fmt.Fprintf(writer, envelopeFormat, body)
}

// writeFault answers with a fault in vCenter's format.
func writeFault(writer http.ResponseWriter, fault types.BaseMethodFault) error {
	kind := reflect.TypeOf(fault).Elem().Name()
	start := xml.StartElement{Name: xml.Name{Local: kind + "Fault"}, Attr: []xml.Attr{
		{Name: xml.Name{Local: "xmlns"}, Value: "urn:vim25"},
		{Name: xml.Name{Local: "xsi:type"}, Value: kind},
	}}
	var detail bytes.Buffer
	if err := xml.NewEncoder(&detail).EncodeElement(fault, start); err != nil {
		return err
	}
	var message bytes.Buffer
	if err := stdxml.EscapeText(&message, []byte(sim.FaultMessage(fault))); err != nil {
		return err
	}
	writeEnvelope(writer, http.StatusInternalServerError, fmt.Sprintf(
		`<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>%s</faultstring><detail>%s</detail></soapenv:Fault>`,
		message.String(), detail.String()))
	return nil
}

// writeTask answers a call with its task.
func writeTask(writer http.ResponseWriter, method string, task types.ManagedObjectReference) {
	writeEnvelope(writer, http.StatusOK, fmt.Sprintf(
		`<%[1]sResponse xmlns="urn:vim25"><returnval type="%[2]s">%[3]s</returnval></%[1]sResponse>`,
		method, task.Type, task.Value))
}
