-- One schema for SQLite and PostgreSQL. IDENTITY stands for the dialect's
-- self-counting primary key. Times are microseconds since 1970 UTC, 0 = none;
-- snowflakes are their 64 bits as a signed number; JSON is text.

CREATE TABLE setting (
    server BIGINT NOT NULL PRIMARY KEY,
    value  TEXT   NOT NULL
);

CREATE TABLE exchange (
    id          IDENTITY,
    server      BIGINT NOT NULL,
    channel     BIGINT NOT NULL,
    asker       BIGINT NOT NULL,
    asked_in    BIGINT NOT NULL,
    answered_in BIGINT NOT NULL,
    question    TEXT   NOT NULL,
    answer      TEXT   NOT NULL,
    label       TEXT   NOT NULL,
    source      TEXT   NOT NULL,
    score       DOUBLE PRECISION NOT NULL,
    at          BIGINT NOT NULL
);
CREATE INDEX exchange_answered ON exchange (answered_in);
CREATE INDEX exchange_channel ON exchange (server, channel, id);
CREATE INDEX exchange_asker ON exchange (asker);

CREATE TABLE correction (
    id          IDENTITY,
    server      BIGINT NOT NULL,
    question    TEXT   NOT NULL,
    given       TEXT   NOT NULL,
    right_reply TEXT   NOT NULL,
    by_user     BIGINT NOT NULL,
    message     BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    absorbed_by BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX correction_server ON correction (server, id);
CREATE INDEX correction_user ON correction (by_user);

CREATE TABLE feedback (
    id       IDENTITY,
    server   BIGINT  NOT NULL,
    by_user  BIGINT  NOT NULL,
    message  BIGINT  NOT NULL,
    vote     INTEGER NOT NULL,
    text     TEXT    NOT NULL,
    at       BIGINT  NOT NULL
);
CREATE UNIQUE INDEX feedback_vote ON feedback (server, message, by_user) WHERE message <> 0;
CREATE INDEX feedback_server ON feedback (server);
CREATE INDEX feedback_user ON feedback (by_user);

CREATE TABLE example (
    id       IDENTITY,
    server   BIGINT  NOT NULL,
    dataset  TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    label    TEXT    NOT NULL,
    reply    TEXT    NOT NULL,
    folded   TEXT    NOT NULL, -- text, label and reply in one case, to be searched
    digest   TEXT    NOT NULL, -- of text, label and reply: an exact duplicate has the same
    kind     TEXT    NOT NULL,
    file     TEXT    NOT NULL,
    line     INTEGER NOT NULL,
    message  BIGINT  NOT NULL,
    author   BIGINT  NOT NULL,
    at       BIGINT  NOT NULL,
    disabled BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX example_once ON example (server, dataset, digest);
CREATE INDEX example_author ON example (author);

CREATE TABLE model (
    id       IDENTITY,
    server   BIGINT  NOT NULL,
    number   INTEGER NOT NULL,
    blob     TEXT    NOT NULL,
    snapshot TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    accuracy DOUBLE PRECISION NOT NULL,
    macro_f1 DOUBLE PRECISION NOT NULL,
    summary  TEXT    NOT NULL,
    at       BIGINT  NOT NULL
);
CREATE UNIQUE INDEX model_number ON model (server, number);
CREATE UNIQUE INDEX model_active ON model (server) WHERE state = 'active';

CREATE TABLE job (
    id          IDENTITY,
    river       BIGINT  NOT NULL, -- the job's id in River's own table
    server      BIGINT  NOT NULL,
    channel     BIGINT  NOT NULL,
    message     BIGINT  NOT NULL,
    by_user     BIGINT  NOT NULL,
    kind        TEXT    NOT NULL,
    args        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    progress    TEXT    NOT NULL,
    error       TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    created_at  BIGINT  NOT NULL,
    started_at  BIGINT  NOT NULL,
    finished_at BIGINT  NOT NULL,
    alive_at    BIGINT  NOT NULL -- while it runs, when its process last said so
);
CREATE INDEX job_server ON job (server, id);
CREATE INDEX job_state ON job (state);
CREATE INDEX job_user ON job (by_user);

CREATE TABLE consent (
    by_user BIGINT  NOT NULL,
    server  BIGINT  NOT NULL,
    heard   BOOLEAN NOT NULL,
    at      BIGINT  NOT NULL,
    PRIMARY KEY (by_user, server)
);

CREATE TABLE voice_preference (
    by_user BIGINT NOT NULL PRIMARY KEY,
    voice   TEXT   NOT NULL,
    speed   DOUBLE PRECISION NOT NULL
);
