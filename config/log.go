package config

// Log says where a process logs to, and how.
type Log struct {
	// Level is error, warn, info or debug.
	Level string `json:"level,omitempty"`
	// Format is json or text.
	Format string `json:"format,omitempty"`
	// File is appended to; empty means the standard error output.
	File string `json:"file,omitempty"`
}

func (l *Log) setDefaults() {
	setDefault(&l.Level, "info")
	setDefault(&l.Format, "json")
}

func (l *Log) check(c *checker) {
	switch l.Level {
	case "error", "warn", "info", "debug":
	default:
		c.fault("log.level", "%q is not error, warn, info or debug", l.Level)
	}
	if l.Format != "json" && l.Format != "text" {
		c.fault("log.format", "%q is not json or text", l.Format)
	}
}

func setDefault[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}
