package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// inFile are the properties of a file by the variables that they stand for.
var inFile = map[string]string{
	"KAFKA_BOOTSTRAP_SERVERS":     "bootstrap.servers",
	"KAFKA_GROUP_ID":              "group.id",
	"KAFKA_GROUP_INSTANCE_ID":     "group.instance.id",
	"KAFKA_SESSION_TIMEOUT_MS":    "session.timeout.ms",
	"KAFKA_HEARTBEAT_INTERVAL_MS": "heartbeat.interval.ms",
	"KAFKA_GROUP_PROTOCOL":        "group.protocol",
}

// withFile looks for a variable in the file that CONSUMER_PROPERTIES_FILE names, and
// then in the environment.
func withFile(get func(string) string) (func(string) string, error) {
	name := get("CONSUMER_PROPERTIES_FILE")
	if name == "" {
		return get, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return get, fmt.Errorf("read CONSUMER_PROPERTIES_FILE: %w", err)
	}
	properties := parseProperties(string(text))
	return func(variable string) string {
		if value, has := properties[inFile[variable]]; has {
			return value
		}
		return get(variable)
	}, nil
}

// parseProperties reads lines as Kohort writes them: a name, "=" and a value.
func parseProperties(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, has := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if has && !strings.HasPrefix(name, "#") {
			all[name] = unescape(value)
		}
	}
	return all
}

// unescape takes \uXXXX for a character, and \ before any other one away.
func unescape(value string) string {
	var text strings.Builder
	for {
		plain, rest, found := strings.Cut(value, `\`)
		text.WriteString(plain)
		if !found || rest == "" {
			return text.String()
		}
		if rest[0] == 'u' && len(rest) >= 5 {
			if unit, err := strconv.ParseUint(rest[1:5], 16, 16); err == nil {
				text.WriteRune(rune(unit))
				value = rest[5:]
				continue
			}
		}
		text.WriteByte(rest[0])
		value = rest[1:]
	}
}
