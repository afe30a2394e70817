package xmlservice

import "strconv"

// App is what a user may launch.
type App struct {
	Name, Title string
	Desktop     bool
	Farm        string
	// Users and Groups may have it; Anybody needs no name. They are written only where
	// access lists were asked for and are shown.
	Users, Groups []Account
	Anybody       bool
}

// Account is a user or a group of a domain.
type Account struct{ Name, Domain string }

// Shown says how much of each application an answer has.
type Shown struct{ Settings, Access bool }

// usualApp is about how many bytes an application takes.
const usualApp = 1 << 10

// AppsAnswer lists applications in the bytes that known clients look for: no attribute
// at AppData, and flags that close themselves.
func AppsAnswer(scope Scope, list []App, shown Shown) []byte {
	return answer(AppData, func(w *writer) {
		w.b.Grow(len(list) * usualApp)
		w.with("AppDataSet", func(w *writer) {
			traverse := "onelevel"
			if scope.Subtree {
				traverse = "subtree"
			}
			w.text("Scope", scope.Folder, "traverse", traverse)
			for i, a := range list {
				w.with("AppData", func(w *writer) { application(w, i+1, a, shown) })
			}
		})
	})
}

func application(w *writer, number int, a App, shown Shown) {
	w.text("InName", a.Name)
	w.text("FName", a.Title)
	w.with("Details", func(w *writer) {
		if shown.Settings {
			settings(w, a)
		}
		if shown.Access {
			access(w, a)
		}
	})
	w.text("SeqNo", strconv.Itoa(number))
	types(w)
}

func settings(w *writer, a App) {
	w.with("Settings", func(w *writer) {
		for _, field := range [...][2]string{
			{"Folder"},
			{"Description", a.Title},
			{"WinWidth", "1024"},
			{"WinHeight", "768"},
			{"WinColor", "8"},
			{"WinType", "pixels"},
			{"WinScale", "0"},
		} {
			w.text(field[0], field[1])
		}
		w.text("SoundType", "none", "minimum", "false")
		w.text("VideoType", "none", "minimum", "false")
		w.text("Encryption", "basic", "minimum", "true")
		w.empty("AppOnDesktop", "value", "false")
		w.empty("AppInStartmenu", "value", "false")
		w.text("PublisherName", a.Farm)
		w.text("SSLEnabled", "false")
		w.text("RemoteAccessEnabled", "false")
	}, "appisdisabled", "false", "appisdesktop", strconv.FormatBool(a.Desktop))
}

func access(w *writer, a App) {
	w.with("AccessList", func(w *writer) {
		if a.Anybody {
			w.empty("AnonymousUser")
		}
		for _, u := range a.Users {
			account(w, "User", "UserName", u)
		}
		for _, g := range a.Groups {
			account(w, "Group", "GroupName", g)
		}
	})
}

func account(w *writer, kind, name string, a Account) {
	w.with(kind, func(w *writer) {
		w.text(name, a.Name)
		w.text("Domain", a.Domain, "type", "NT")
	})
}
