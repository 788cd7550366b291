-- What was said to Mynah and answered, on servers that keep transcripts.
CREATE TABLE transcript (
    id      IDENTITY,
    server  BIGINT NOT NULL,
    by_user BIGINT NOT NULL,
    said    TEXT   NOT NULL,
    answer  TEXT   NOT NULL,
    channel BIGINT NOT NULL, -- where it was posted
    message BIGINT NOT NULL, -- 0 = not yet
    at      BIGINT NOT NULL
);
CREATE INDEX transcript_server ON transcript (server, at);
CREATE INDEX transcript_user ON transcript (by_user);

-- Messages whose transcript is gone, and which are to be deleted too.
CREATE TABLE stale_message (
    channel BIGINT NOT NULL,
    message BIGINT NOT NULL,
    PRIMARY KEY (channel, message)
);
