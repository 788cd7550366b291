module github.com/mynahbot/mynah/dave

go 1.26.0

require (
	github.com/disgoorg/godave v0.1.0
	golang.org/x/crypto v0.58.0
	pgregory.net/rapid v1.3.0
)
