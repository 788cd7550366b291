-- The further messages of an answer that is longer than one, as ",id,id,".
ALTER TABLE exchange ADD COLUMN parts TEXT NOT NULL DEFAULT '';
CREATE INDEX exchange_parts ON exchange (server) WHERE parts <> '';
