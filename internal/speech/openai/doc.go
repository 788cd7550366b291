// Package openai has a server recognize and make speech through the endpoints that OpenAI's API has for it, and that many
// servers for one's own machine have too.
package openai
