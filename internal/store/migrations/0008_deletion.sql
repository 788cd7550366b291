-- Whose question a correction answers, so that it goes with them too; 0 = nobody is known.
ALTER TABLE correction ADD COLUMN asker BIGINT NOT NULL DEFAULT 0;
CREATE INDEX correction_asker ON correction (asker);
UPDATE correction SET asker = COALESCE((SELECT MAX(exchange.asker) FROM exchange
    WHERE exchange.server = correction.server AND exchange.answered_in = correction.message AND correction.message <> 0), 0);

-- Who brought a file of a server's workspace.
CREATE TABLE file (
    server  BIGINT NOT NULL,
    path    TEXT   NOT NULL,
    by_user BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (server, path)
);
CREATE INDEX file_user ON file (by_user);

-- Who asked that what is kept about them be deleted, and isn't done with yet.
CREATE TABLE deletion (
    by_user  BIGINT  NOT NULL PRIMARY KEY,
    asked_at BIGINT  NOT NULL,
    tries    INTEGER NOT NULL
);

-- On which servers models and files are still to be looked through for it.
CREATE TABLE deletion_server (
    by_user BIGINT NOT NULL,
    server  BIGINT NOT NULL,
    PRIMARY KEY (by_user, server)
);
