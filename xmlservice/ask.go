package xmlservice

// Requests that change nothing, for those who want to know whether a service works.

// askVersion is what monitors of controllers say: each takes it.
const askVersion = "4.1"

func ask(kind Kind, inner func(*writer)) []byte {
	return document("NFuseProtocol", "NFuse.dtd", askVersion, func(w *writer) { w.with("Request"+string(kind), inner) })
}

// FarmRequest asks for the farm's name.
func FarmRequest() []byte { return ask(ServerFarmData, func(w *writer) { w.empty("Nil") }) }

// AppsRequest asks for what is published, for nobody in particular, with little of each.
func AppsRequest() []byte {
	return ask(AppData, func(w *writer) {
		w.text("Scope", "", "traverse", "onelevel")
		w.text("DesiredDetails", "permissions")
		types(w)
	})
}

// ValidateRequest asks whether a user's password is good.
func ValidateRequest(user, domain, password string) []byte {
	return ask(ValidateCredentials, func(w *writer) {
		w.with("Credentials", func(w *writer) {
			w.text("UserName", user)
			w.text("Password", Ctx1(password), "encoding", "ctx1")
			if domain != "" {
				w.text("Domain", domain, "type", "NT")
			}
		})
	})
}

// ProbeRequest asks where an application is, with the flag of those who do not come.
func ProbeRequest(application string) []byte {
	return ask(Address, func(w *writer) {
		w.text("Flags", noLoadBias)
		w.with("Name", func(w *writer) { w.text("AppName", application) })
	})
}

// StaDataRequest asks an STA what a ticket stands for.
func StaDataRequest(ticket string) []byte {
	return document(staRoot, "CtxSTA.dtd", staVersion, func(w *writer) {
		w.with("RequestData", func(w *writer) { w.text("Ticket", ticket) })
	})
}
