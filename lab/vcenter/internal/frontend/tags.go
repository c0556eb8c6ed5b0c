// vSphere tags: the simulator's own REST service, with the tags that the configuration gives to VMs.

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/vmware/govmomi/vapi/rest"
	vapi "github.com/vmware/govmomi/vapi/simulator"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
)

// serveREST adds the REST service, which a stand-alone host does not have.
func (l *Lab) serveREST(mux *http.ServeMux) {
	if l.config.StandaloneESXi {
		return
	}
	patterns, handler := vapi.New(l.model.Service.Listen, l.registry)
	for _, pattern := range patterns {
		mux.HandleFunc(pattern, l.countREST(handler))
	}
}

// countREST counts a request by its method and by what it is about, and lets faults happen.
func (l *Lab) countREST(next http.Handler) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		action := "HTTP " + request.Method + " " + restThing(request.URL)
		l.count(request, action)
		rule := l.faults.Match(action, nil, isLabClient(request))
		l.carryOut(writer, request, soapCall{Method: action}, rule, next.ServeHTTP)
	}
}

// restThing is "tag" for /rest/com/vmware/cis/tagging/tag/id:..., and "tag-association list-attached-objects" with an action.
func restThing(address *url.URL) string {
	path, _, _ := strings.Cut(address.Path, "/id:")
	thing := path[strings.LastIndex(path, "/")+1:]
	if action := address.Query().Get("~action"); action != "" {
		thing += " " + action
	}
	return thing
}

// attachTags makes the tags of the configuration, through the service that has just started to answer.
func (l *Lab) attachTags(ctx context.Context, port int) error {
	wanted := map[string][]string{}
	for name, override := range l.config.Overrides {
		if len(override.Tags) > 0 {
			wanted[name] = override.Tags
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	user := url.UserPassword(l.config.Username, l.config.Password)
	address := &url.URL{Scheme: "https", Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/sdk", User: user}
	soapClient := soap.NewClient(address, true) // its own server: there is nothing to verify
	soapClient.UserAgent = labUserAgent
	client := rest.NewClient(&vim25.Client{Client: soapClient})
	if err := client.Login(ctx, user); err != nil {
		return fmt.Errorf("tags: %w", err)
	}
	defer func() { _ = client.Logout(ctx) }()
	manager := tags.NewManager(client)
	for _, vm := range l.allVMs() {
		for _, tag := range wanted[vm.Name] {
			if err := attachTag(ctx, manager, tag, vm); err != nil {
				return fmt.Errorf("tag %s of %s: %w", tag, vm.Name, err)
			}
		}
	}
	return nil
}

// attachTag makes the tag, written CATEGORY:NAME, and its category, where they are missing.
func attachTag(ctx context.Context, manager *tags.Manager, tag string, vm mo.Reference) error {
	categoryName, name, _ := strings.Cut(tag, ":")
	category, err := manager.GetCategory(ctx, categoryName)
	if err != nil {
		category = &tags.Category{Name: categoryName, Cardinality: "MULTIPLE", AssociableTypes: []string{"VirtualMachine"}}
		if category.ID, err = manager.CreateCategory(ctx, category); err != nil {
			return err
		}
	}
	present, err := manager.GetTagForCategory(ctx, name, category.ID)
	if err == nil {
		return manager.AttachTag(ctx, present.ID, vm)
	}
	id, err := manager.CreateTag(ctx, &tags.Tag{Name: name, CategoryID: category.ID})
	if err != nil {
		return err
	}
	return manager.AttachTag(ctx, id, vm)
}
