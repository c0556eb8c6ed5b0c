// Creates the vSphere tags of the configuration, through the simulator's REST service.

package frontend

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
)

// AttachTags creates the tags of the configuration and attaches them to their VMs. The frontend must already answer on
// the port.
func (f *Frontend) AttachTags(ctx context.Context, port int) error {
	wanted := map[string][]string{}
	for name, override := range f.simulation.Config.Overrides {
		if len(override.Tags) > 0 {
			wanted[name] = override.Tags
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	user := url.UserPassword(f.credentials.Username, f.credentials.Password)
	address := &url.URL{Scheme: "https", Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/sdk", User: user}
	soapClient := soap.NewClient(address, true) // this process is the server, so there is no certificate to verify
	soapClient.UserAgent = LabUserAgent
	client := rest.NewClient(&vim25.Client{Client: soapClient})
	if err := client.Login(ctx, user); err != nil {
		return fmt.Errorf("tags: %w", err)
	}
	defer func() { _ = client.Logout(ctx) }()
	manager := tags.NewManager(client)
	for _, vm := range f.simulation.Inventory.VMs() {
		for _, tag := range wanted[vm.Name] {
			if err := attachTag(ctx, manager, tag, vm); err != nil {
				return fmt.Errorf("tag %s of %s: %w", tag, vm.Name, err)
			}
		}
	}
	return nil
}

// attachTag attaches a tag of the form CATEGORY:NAME. It creates the tag and its category if they do not exist.
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
