-- Exchanges whose time is over are found by it.
CREATE INDEX exchange_server_at ON exchange (server, at);
