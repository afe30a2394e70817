package service

import "time"

// watch looks at a process in beats: some of them are for the watchdog, some for the
// sentence.
type watch struct {
	m         *Manager
	p         Process
	beat      time.Duration
	perPing   int // 0: no watchdog
	perStatus int
	within    time.Duration
	beats     int
	said      string
}

// newWatch divides half of the watchdog's time into beats of at most statusEvery.
func newWatch(m *Manager, p Process) *watch {
	w := &watch{m: m, p: p, beat: statusEvery, perStatus: 1}
	if half := m.channel.watchdog() / 2; half > 0 {
		w.perPing = parts(half, statusEvery)
		w.beat = max(half/time.Duration(w.perPing), time.Millisecond)
		w.perStatus, w.within = parts(statusEvery, w.beat), half
	}
	return w
}

// parts is how many parts of at most that length make up the whole.
func parts(whole, length time.Duration) int { return int((whole + length - 1) / length) }

// look tells what is due with this beat. Where something stands still there is no
// ping, and the sentence says what.
func (w *watch) look() {
	w.beats++
	var n notice
	stuck := w.stuck()
	if w.perPing > 0 && w.beats%w.perPing == 0 {
		n.alive = stuck == nil
	}
	if w.beats%w.perStatus == 0 {
		n.status = w.news(stuck)
	}
	if n != (notice{}) {
		w.m.tell(n)
	}
}

func (w *watch) stuck() error {
	watched, ok := w.p.(Watched)
	if !ok || w.perPing == 0 {
		return nil
	}
	return watched.Progress(w.within)
}

// news is the sentence if it is another one than before.
func (w *watch) news(stuck error) string {
	if stuck == nil {
		return w.headline()
	}
	return w.changed("stuck: " + stuck.Error())
}

func (w *watch) headline() string { return w.changed(w.p.Headline()) }

func (w *watch) changed(text string) string {
	if text == w.said {
		return ""
	}
	w.said = text
	return text
}
