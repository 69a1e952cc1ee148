-- A database of schema 1: its tables, and a run that waits for a confirmation.
PRAGMA application_id = 1751215220;
PRAGMA user_version = 1;
CREATE TABLE holders (
    holder INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    agent_name TEXT,
    session_id TEXT,
    user_id TEXT,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    holder INTEGER REFERENCES holders,
    held_since INTEGER
) STRICT;
CREATE INDEX runs_by_session ON runs (session_id, status) WHERE session_id IS NOT NULL;
CREATE INDEX runs_by_user ON runs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX runs_by_agent ON runs (agent_name) WHERE agent_name IS NOT NULL;
CREATE INDEX runs_by_holder ON runs (holder) WHERE holder IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (status) WHERE status <> 'COMPLETED';

CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    driver_entries INTEGER NOT NULL,
    outsider INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE outsiders (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entries
) STRICT;

CREATE TABLE requirements (
    place INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs,
    requirement_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    opened INTEGER NOT NULL REFERENCES entries,
    decided INTEGER REFERENCES entries,
    UNIQUE (run, requirement_id)
) STRICT;
CREATE INDEX requirements_open ON requirements (place) WHERE decided IS NULL;
CREATE INDEX requirements_by_id ON requirements (requirement_id);

CREATE VIEW journal AS
SELECT runs.run_id, entries.id & 4294967295 AS seq, entries.at, entries.outsider, entries.kind, entries.payload
FROM entries JOIN runs ON runs.run = entries.id >> 32;

INSERT INTO "holders" VALUES(1,'holder','somewhere',7,1710074,1795391487041272);
INSERT INTO "runs" VALUES(1,'01a205ab-8711-7760-b5fa-250e83f56258','clerk',NULL,NULL,'PAUSED',1795391457041272,1795391457058081,1,NULL,NULL);
INSERT INTO "entries" VALUES(4294967297,1,0,1795391457041272,'run_started','{"format":1,"run_id":"01a205ab-8711-7760-b5fa-250e83f56258","agent_id":"7f25a19c-c9d3-41a8-b064-2ea633d54cc1","agent_name":"clerk","model_name":"scripted","description":"Pay the invoice.","tools":[{"name":"pay","module":"make"}],"tool_call_limit":100}',X'3E0C4BB072C5D6E3DBF17C2FED9AD337AC4288D98021FFB0802FB8BB939A144C');
INSERT INTO "entries" VALUES(4294967298,2,0,1795391457058081,'model_replied','{"calls":[{"id":"call_1","name":"pay","args":{"amount": 5},"tool":{"module":"make","digest":"d9319186dcbed87d09354ff7bb4927ffbeaca4f9c6aef41b4fba7f2f0a129b0c"},"asks":"confirmation"}],"duration_us":85,"attempt":1}',X'6DB847A8EB2B2551DB2B5B6A433EA5D3E5FE3B98CF2D1C9EE0A441D791DC9E86');
INSERT INTO "entries" VALUES(4294967299,3,0,1795391457058081,'requirement_opened','{"requirement_id":"211404a3-8c87-880f-bb28-17fb0597abe3","call_id":"call_1","kind":"confirmation"}',X'18B75955D02BC63C12B79C7833C6B367BBAD7C7BDD82E7727012CA278F65AFBA');
INSERT INTO "entries" VALUES(4294967300,4,0,1795391457058081,'run_paused','{}',X'DAE3DA9A3AFBBADD66A243EBD97E1771F6C53FC6BA1BDEA28395AC9D7DB5A607');
INSERT INTO "requirements" (run, requirement_id, kind, opened, decided) VALUES(1,'211404a3-8c87-880f-bb28-17fb0597abe3','confirmation',4294967299,NULL);
