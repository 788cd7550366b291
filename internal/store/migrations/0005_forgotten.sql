-- Who had taught a server something that was removed since. Models whose training began at last_at or before, and which were
-- made at first_at or after, may have learned it.
CREATE TABLE untaught (
    server   BIGINT NOT NULL,
    author   BIGINT NOT NULL,
    first_at BIGINT NOT NULL, -- when the oldest of it was taught
    last_at  BIGINT NOT NULL, -- when the last of it was removed
    PRIMARY KEY (server, author)
);
CREATE INDEX untaught_author ON untaught (author);

-- When somebody last had deleted what they had taught a server: no training that began before may keep its model.
CREATE TABLE forgotten (
    server BIGINT NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL
);

-- When a model's training began to gather what it learns; 0 = unknown.
ALTER TABLE model ADD COLUMN began BIGINT NOT NULL DEFAULT 0;
