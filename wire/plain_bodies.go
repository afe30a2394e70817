package wire

func (r *Registration) readPlain(text []byte) bool { return readPlain(text, r, plainRegistration) }

func plainRegistration(p *plainReader, r *Registration, field []byte) {
	switch string(field) {
	case "machine":
		r.Machine = p.name()
	case "zone":
		r.Zone = p.text()
	case "agent_version":
		r.AgentVersion = p.text()
	case "protocol":
		r.Protocol = p.text()
	case "callback":
		r.Callback = p.text()
	case "capacity":
		r.Capacity = p.number()
	case "load":
		r.Load = p.number()
	case "term":
		r.Term = p.long()
	case "used":
		r.Used = p.flag()
	case "assigned_user":
		r.AssignedUser = p.text()
	case "sessions":
		r.Sessions = plainList(p, r.Sessions, plainSession)
	default:
		p.fails = true
	}
}

func plainSession(p *plainReader, s *Session) { plainObject(p, s, plainSessionField) }

func plainSessionField(p *plainReader, s *Session, field []byte) {
	switch string(field) {
	case "id":
		s.ID = p.text()
	case "user":
		s.User = p.text()
	case "resource":
		s.Resource = p.text()
	case "state":
		s.State = SessionState(p.text())
	case "started":
		s.Started = p.time()
	default:
		p.fails = true
	}
}

func (h *Heartbeat) readPlain(text []byte) bool { return readPlain(text, h, plainHeartbeat) }

func plainHeartbeat(p *plainReader, h *Heartbeat, field []byte) {
	switch string(field) {
	case "load":
		h.Load = p.number()
	case "term":
		h.Term = p.long()
	case "used":
		h.Used = p.flag()
	case "assigned_user":
		h.AssignedUser = p.text()
	case "sessions":
		var was []Session
		if h.Sessions != nil {
			was = *h.Sessions
		}
		sessions := plainList(p, was, plainSession)
		h.Sessions = &sessions
	default:
		p.fails = true
	}
}

func (r *ResourcesRequest) readPlain(text []byte) bool { return readPlain(text, r, plainResources) }

func plainResources(p *plainReader, r *ResourcesRequest, field []byte) {
	switch string(field) {
	case "user":
		r.User = p.text()
	case "groups":
		r.Groups = plainList(p, r.Groups, plainText)
	default:
		p.fails = true
	}
}

func plainText(p *plainReader, s *string) { *s = p.text() }

func (r *LaunchRequest) readPlain(text []byte) bool { return readPlain(text, r, plainLaunch) }

func plainLaunch(p *plainReader, r *LaunchRequest, field []byte) {
	switch string(field) {
	case "user":
		r.User = p.text()
	case "groups":
		r.Groups = plainList(p, r.Groups, plainText)
	case "resource":
		r.Resource = p.text()
	case "client":
		plainObject(p, &r.Client, plainClient)
	default:
		p.fails = true
	}
}

func plainClient(p *plainReader, c *Client, field []byte) {
	switch string(field) {
	case "name":
		c.Name = p.text()
	case "address":
		c.Address = p.text()
	default:
		p.fails = true
	}
}
