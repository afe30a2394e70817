package wire

func (r *Registration) readPlain(text []byte) bool {
	var read Registration
	p := plainReader{rest: text}
	if p.registration(&read); !p.whole() {
		return false
	}
	*r = read
	return true
}

func (p *plainReader) registration(r *Registration) {
	for p.open('{'); p.more('}'); {
		switch string(p.field()) {
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
			r.Sessions = p.sessions(r.Sessions)
		default:
			p.fails = true
		}
	}
}

func (p *plainReader) sessions(was []Session) []Session {
	list := plainList(p, was)
	for p.more(']') {
		list = append(list, p.session())
	}
	return list
}

func (p *plainReader) session() (s Session) {
	for p.open('{'); p.more('}'); {
		switch string(p.field()) {
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
	return s
}

func (h *Heartbeat) readPlain(text []byte) bool {
	var read Heartbeat
	p := plainReader{rest: text}
	if p.heartbeat(&read); !p.whole() {
		return false
	}
	*h = read
	return true
}

func (p *plainReader) heartbeat(h *Heartbeat) {
	for p.open('{'); p.more('}'); {
		switch string(p.field()) {
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
			sessions := p.sessions(was)
			h.Sessions = &sessions
		default:
			p.fails = true
		}
	}
}

func (r *ResourcesRequest) readPlain(text []byte) bool {
	var read ResourcesRequest
	p := plainReader{rest: text}
	if p.resources(&read); !p.whole() {
		return false
	}
	*r = read
	return true
}

func (p *plainReader) resources(r *ResourcesRequest) {
	for p.open('{'); p.more('}'); {
		switch string(p.field()) {
		case "user":
			r.User = p.text()
		case "groups":
			r.Groups = p.texts(r.Groups)
		default:
			p.fails = true
		}
	}
}

func (p *plainReader) texts(was []string) []string {
	list := plainList(p, was)
	for p.more(']') {
		list = append(list, p.text())
	}
	return list
}

func (r *LaunchRequest) readPlain(text []byte) bool {
	var read LaunchRequest
	p := plainReader{rest: text}
	if p.launch(&read); !p.whole() {
		return false
	}
	*r = read
	return true
}

func (p *plainReader) launch(r *LaunchRequest) {
	for p.open('{'); p.more('}'); {
		switch string(p.field()) {
		case "user":
			r.User = p.text()
		case "groups":
			r.Groups = p.texts(r.Groups)
		case "resource":
			r.Resource = p.text()
		case "client":
			p.client(&r.Client)
		default:
			p.fails = true
		}
	}
}

func (p *plainReader) client(c *Client) {
	for p.open('{'); p.more('}'); {
		switch string(p.field()) {
		case "name":
			c.Name = p.text()
		case "address":
			c.Address = p.text()
		default:
			p.fails = true
		}
	}
}
