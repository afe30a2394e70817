// Package doctor looks at one host before a process of understudy starts there, or
// beside the one that runs: what it finds wrong has a name, and each name has its remedy.
// It gathers facts, judges them by pure functions, and changes nothing: it takes no lock
// and writes nothing but a probe file that it removes. It also packs what a person who
// helps from afar needs to see, without secrets. The commands `doctor` and
// `support-bundle` call it; no service does.
package doctor
