// The tags of the configuration, read as the collection reads them.

package main

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
)

func TestTagsOfTheConfiguration(t *testing.T) {
	client := serve(t, func(config *Config) {
		config.Overrides = map[string]Override{
			"app-01": {Tags: []string{"wave:7", "owner:shop"}}, "app-02": {Tags: []string{"wave:7"}},
		}
	})
	ctx := context.Background()
	session := rest.NewClient(client.Client.Client)
	if err := session.Login(ctx, url.UserPassword(testUser, "wrong")); err == nil {
		t.Error("a wrong password is let in")
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
	var counted []RequestCount
	client.control(http.MethodGet, "/requests", "", &counted)
	for _, one := range counted {
		if one.Mutating {
			t.Errorf("%s counts as a change", one.Action)
		}
	}
}

func TestATagIsCategoryAndName(t *testing.T) {
	config := testConfig(t)
	config.Overrides = map[string]Override{"app-01": {Tags: []string{"wave"}}}
	if config.check() == nil {
		t.Error("a tag without a category is accepted")
	}
}
