package pki

import "time"

// When hosts renew, as parts of a certificate's life: a third of it is left to mend what
// fails, and hosts that enrolled together do not come back together.
const (
	renewPart = 2.0 / 3
	// renewSpread is the most by which a host comes earlier.
	renewSpread = 0.1

	firstPause, mostPause = time.Minute, time.Hour
	// tightPause bounds the pauses of short lives, such as tests have.
	tightPause = 60
	// lookAgain bounds a wait: a host that slept, or whose clock was set, notices.
	lookAgain = 10 * time.Minute
	// tokenLook is how soon a new token is seen after one that did not help.
	tokenLook = 10 * time.Second
)

// RenewAt is when a certificate is due, at the latest.
func RenewAt(notBefore, notAfter time.Time) time.Time {
	return notBefore.Add(time.Duration(float64(notAfter.Sub(notBefore)) * renewPart))
}

// early brings the time forward by a part of the life, chosen once for each certificate.
func early(notBefore, notAfter time.Time, chance float64) time.Time {
	return RenewAt(notBefore, notAfter).Add(-time.Duration(float64(notAfter.Sub(notBefore)) * renewSpread * chance))
}

// pause is that after so many failures: it doubles up to an hour, and is no more than
// a small part of the life. No life is known where there is no certificate.
func pause(failures int, life time.Duration) time.Duration {
	first, most := firstPause, mostPause
	if life > 0 {
		first, most = min(first, life/tightPause), min(most, life/tightPause*8)
	} else {
		first, most = time.Second, firstPause
	}
	d := max(first, time.Second/10)
	for range failures - 1 {
		if d *= 2; d >= most {
			return max(most, first)
		}
	}
	return d
}
