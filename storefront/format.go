package storefront

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"understudy/launchfile"
	"understudy/site"
	"understudy/wire"
)

// launched is a launch with what it takes to answer it in any form.
type launched struct {
	wire.LaunchAnswer
	user, group, command string
	expires              time.Time
}

// form chooses in which form a launch is answered, before anything is held.
func (h *Handlers) form(r *http.Request, id string) (site.LaunchFormat, error) {
	resource, known := h.o.Engine.Resource(id)
	if !known {
		return site.LaunchJSON, nil // the engine says what is wrong with it
	}
	offered := h.o.Files.Makes(resource.Formats)
	f, ok := launchfile.Choose(r.Header.Values("Accept"), offered)
	if !ok {
		return "", unacceptable(id, offered, len(offered) < len(resource.Formats))
	}
	return f, nil
}

// unacceptable says what could be had; keyless where the broker lacks the key of a form
// that the group allows.
func unacceptable(id string, offered []site.LaunchFormat, keyless bool) error {
	why := ""
	if keyless {
		why = "; for " + launchfile.TypeGuacamole + " the broker that answers has no launch.guacamole_key_file"
	}
	if len(offered) == 0 {
		return wire.Problemf(http.StatusNotAcceptable, wire.CodeNotAcceptable, "launches of %s are answered in no form that this broker can make%s", id, why)
	}
	types := make([]string, len(offered))
	for i, f := range offered {
		types[i] = launchfile.Type(f)
	}
	return wire.Problemf(http.StatusNotAcceptable, wire.CodeNotAcceptable,
		"launches of %s are answered as %s, none of which is in Accept%s", id, strings.Join(types, ", "), why)
}

// write answers a launch in the form that was chosen.
func (h *Handlers) write(w http.ResponseWriter, f site.LaunchFormat, resource string, l launched) {
	w.Header().Add("Vary", "Accept")
	if f == site.LaunchJSON {
		wire.WriteJSON(w, http.StatusCreated, l.LaunchAnswer)
		return
	}
	body, err := h.o.Files.Make(f, h.facts(resource, l))
	if err != nil {
		wire.WriteError(w, unmade(f, err))
		return
	}
	w.Header().Set("Content-Type", launchfile.Type(f))
	w.Header().Set("Cache-Control", "no-store")
	if name := launchfile.FileName(f, resource); name != "" {
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(body)
}

func (h *Handlers) facts(id string, l launched) launchfile.Launch {
	name := id
	if r, ok := h.o.Engine.Resource(id); ok {
		name = r.Name
	}
	return launchfile.Launch{
		Name: name, User: l.user, Host: l.Address, Port: l.Port, Protocol: l.Protocol, Command: l.command,
		Expires: l.expires, Group: h.o.Engine.LaunchOf(l.group),
	}
}

// unmade is the answer where only the desktop's own answer shows that the form is
// none for it. The launch stands: with the same key it is answered in another form.
func unmade(f site.LaunchFormat, err error) error {
	if errors.Is(err, launchfile.ErrProtocol) {
		return wire.Problemf(http.StatusNotAcceptable, wire.CodeNotAcceptable, "the launch cannot be answered as %s: %v", launchfile.Type(f), err)
	}
	return err
}
