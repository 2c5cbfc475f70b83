package mail

import "github.com/mileusna/useragent"

// device says a User-Agent header as a person would: "Firefox on Linux". What it cannot read it repeats.
func device(userAgent string) string {
	agent := useragent.Parse(clean(userAgent))
	if agent.Name == "" || agent.OS == "" {
		return sentence(userAgent)
	}
	return sentence(agent.Name + " on " + agent.OS)
}
