// Package config reads the files of the processes and of the site: strict YAML,
// defaults, and every fault at once with its line and key. Commands load with it;
// nothing below them knows that there are files.
package config
