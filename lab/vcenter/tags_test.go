// A test of the tags of the configuration, which it reads as the collection does.

package main

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"

	"cutover.smc/lab/vcenter/internal/frontend"
	"cutover.smc/lab/vcenter/internal/sim"
)

func TestTagsOfTheConfiguration(t *testing.T) {
	client := serve(t, func(config *Config) {
		config.Overrides = map[string]sim.Override{
			"app-01": {Tags: []string{"wave:7", "owner:shop"}}, "app-02": {Tags: []string{"wave:7"}},
		}
	})
	ctx := context.Background()
	session := rest.NewClient(client.Client.Client)
	if err := session.Login(ctx, url.UserPassword(testUser, "wrong")); err == nil {
		t.Error("a wrong password was accepted")
	}
	must(t, session.Login(ctx, url.UserPassword(testUser, testPassword)))
	manager := tags.NewManager(session)
	for tag, wanted := range map[string]int{"7": 2, "shop": 1} {
		attached, err := manager.GetAttachedObjectsOnTags(ctx, []string{tag})
		must(t, err)
		if len(attached) != 1 || len(attached[0].ObjectIDs) != wanted {
			t.Errorf("tag %s is attached to %v, not to %d VMs", tag, attached, wanted)
		}
	}
	must(t, session.Logout(ctx))
	var counted []frontend.RequestCount
	client.control(http.MethodGet, "/requests", "", &counted)
	for _, count := range counted {
		if count.Mutating {
			t.Errorf("%s counts as mutating", count.Action)
		}
	}
}
