package storefront

import (
	"net/http"
	"slices"
	"strings"

	"understudy/site"
	"understudy/xmlservice"
)

// apps lists what a user may launch; without a user, the names of all that is
// published.
func (h *Handlers) apps(r *http.Request, q xmlservice.Request) ([]byte, error) {
	shown := wanted(q.Details)
	shown.Access = shown.Access && h.o.XML.AccessLists
	list, err := h.listed(r, q)
	if err != nil {
		return nil, err
	}
	var access map[string]*grants
	if shown.Access {
		access = grantsOf(h.o.Engine.Index().Site())
	}
	farm := h.farm()
	apps := make([]xmlservice.App, 0, len(list))
	for _, res := range list {
		app := xmlservice.App{Name: res.ID, Title: res.Name, Desktop: res.Kind == site.DesktopResource, Farm: farm}
		if g := access[res.ID]; g != nil {
			app.Users, app.Groups = g.users, g.groups
		}
		apps = append(apps, app)
	}
	return xmlservice.AppsAnswer(q.Scope, apps, shown), nil
}

func wanted(details []string) xmlservice.Shown {
	all := slices.Contains(details, "all")
	return xmlservice.Shown{
		Settings: len(details) == 0 || all || slices.Contains(details, "defaults"),
		Access:   all || slices.Contains(details, "access-list"),
	}
}

func (h *Handlers) listed(r *http.Request, q xmlservice.Request) ([]site.Resource, error) {
	anonymous := !q.Credentials.Given || q.Credentials.Anonymous
	var u xmlservice.User
	if !anonymous {
		var err error
		if u, err = h.user(r, q.Credentials); err != nil {
			return nil, err
		}
	}
	switch {
	case q.Scope.Folder != "" || !usable(q.ClientTypes):
		return nil, nil // there are no folders, and nothing that is streamed or opened locally
	case anonymous:
		return published(h.o.Engine.Index()), nil
	}
	var list []site.Resource
	for _, res := range h.o.Engine.Resources(u.Name, u.Groups) {
		list = append(list, *res.Resource)
	}
	return list, nil
}

// usable reports whether a client can use desktops at all.
func usable(types []string) bool {
	return len(types) == 0 || slices.ContainsFunc(types, func(t string) bool { return t == "all" || t == "ica30" || t == "rdp" })
}

// published are all resources: desktops, then applications, in the order of the site.
func published(index *site.Index) []site.Resource {
	var list []site.Resource
	add := func(id string) {
		if res, ok := index.Resource(id); ok {
			list = append(list, res)
		}
	}
	for _, g := range index.Site().Groups {
		add(site.DesktopID(g.Name))
	}
	for _, a := range index.Site().Applications {
		add(site.ApplicationID(a.Name))
	}
	return list
}

// named finds what a client calls by its id, by its title, or as the group whose
// desktop it is; the best first.
func named(index *site.Index, name string) []site.Resource {
	if res, ok := index.Resource(name); ok {
		return []site.Resource{res}
	}
	var byTitle, byGroup []site.Resource
	for _, res := range published(index) {
		switch {
		case strings.EqualFold(res.Name, name):
			byTitle = append(byTitle, res)
		case strings.EqualFold(res.ID, site.DesktopID(name)), strings.EqualFold(res.ID, name):
			byGroup = append(byGroup, res)
		}
	}
	return append(byTitle, byGroup...)
}

// grants are who may have a resource.
type grants struct{ users, groups []xmlservice.Account }

func grantsOf(s *site.Site) map[string]*grants {
	all := map[string]*grants{}
	for _, e := range s.Entitlements {
		id := site.ApplicationID(e.Application)
		if e.Desktop != "" {
			id = site.DesktopID(e.Desktop)
		}
		g := all[id]
		if g == nil {
			g = &grants{}
			all[id] = g
		}
		if e.User != "" {
			g.users = append(g.users, xmlservice.Account{Name: e.User, Domain: s.Name})
		} else {
			g.groups = append(g.groups, xmlservice.Account{Name: e.UserGroup, Domain: s.Name})
		}
	}
	return all
}
