package store

// Place says what becomes of what a table keeps when somebody has what is kept about them deleted.
type Place struct {
	Personal []string // columns with texts or ids of people, which [Store.ExportUser] shows
	Kept     []string // columns that say nothing about anybody
	Deletion string   // what [Store.DeleteUser], and the steps after it, do with it
}

// Places lists every table of the database, and every column in it. A test walks the schema: a table or column that isn't here fails,
// so that whoever adds one says what becomes of it. What lies beside the database is told in docs/threat-model.md.
func Places() map[string]Place {
	return map[string]Place{
		"exchange": {
			Personal: []string{"asker", "question", "answer", "channel", "asked_in", "answered_in", "parts"},
			Kept:     []string{"id", "server", "label", "source", "score", "at"},
			Deletion: "their rows go; in others' rows an answer in their words becomes empty",
		},
		"correction": {
			Personal: []string{"question", "given", "right_reply", "by_user", "asker", "message"},
			Kept:     []string{"id", "server", "at", "absorbed_by"},
			Deletion: "rows by them, and those that answer their question, go; in others' rows what was given in their words becomes empty",
		},
		"feedback": {
			Personal: []string{"by_user", "message", "text", "vote"}, Kept: []string{"id", "server", "at"}, Deletion: "their rows go",
		},
		"example": {
			Personal: []string{"text", "label", "reply", "folded", "digest", "author", "message", "file"},
			Kept:     []string{"id", "server", "dataset", "kind", "line", "at", "disabled"},
			Deletion: "their rows go",
		},
		"model": {
			Personal: []string{"blob", "snapshot", "summary"},
			Kept:     []string{"id", "server", "number", "state", "accuracy", "macro_f1", "at", "used", "began"},
			Deletion: "those that may have learned from them become stale, and what the blobs hold of them is removed",
		},
		"job": {
			Personal: []string{"by_user", "args", "progress", "error", "message", "channel"},
			Kept:     []string{"id", "river", "server", "kind", "state", "attempt", "created_at", "started_at", "finished_at", "alive_at"},
			Deletion: "those that ended go; those that run lose their owner, and what they learned isn't kept",
		},
		"consent": {
			Personal: []string{"by_user", "heard"}, Kept: []string{"server", "at"}, Deletion: "goes, unless it says that they don't want to be heard",
		},
		"voice_preference": {Personal: []string{"by_user", "voice", "speed"}, Deletion: "their row goes"},
		"transcript": {
			Personal: []string{"by_user", "said", "answer", "channel", "message"}, Kept: []string{"id", "server", "at"},
			Deletion: "their rows go, and so do the messages that show them; in others' rows an answer in their words becomes empty",
		},
		"stale_message":   {Personal: []string{"channel", "message"}, Deletion: "messages that are to be deleted, which are forgotten when they are"},
		"untaught":        {Personal: []string{"author"}, Kept: []string{"server", "first_at", "last_at"}, Deletion: "their rows go"},
		"file":            {Personal: []string{"path", "by_user"}, Kept: []string{"server", "at"}, Deletion: "the files go, and then their rows"},
		"deletion":        {Personal: []string{"by_user"}, Kept: []string{"asked_at", "tries"}, Deletion: "goes when all is done"},
		"deletion_server": {Personal: []string{"by_user"}, Kept: []string{"server"}, Deletion: "goes step by step"},
		"setting":         {Kept: []string{"server", "value"}, Deletion: "stays: it says what a server chose, and not who chose it"},
		"forgotten":       {Kept: []string{"server", "at"}, Deletion: "stays: it names nobody"},
		"migration":       {Kept: []string{"version", "at"}, Deletion: "stays: it names nobody"},
	}
}
