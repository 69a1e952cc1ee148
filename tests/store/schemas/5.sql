-- A database of schema 5, whose journals are of the first format: a completed run with an approval that is remembered in its session,
-- one that one of two people has approved, one that waits for a worker, and a completed one that is keyed with "a key of more than sixteen
-- bytes".
PRAGMA foreign_keys = OFF;
PRAGMA application_id = 1751215220;
PRAGMA user_version = 5;
BEGIN TRANSACTION;
CREATE TABLE approvals (
    requirement INTEGER NOT NULL REFERENCES requirements,
    entry INTEGER NOT NULL REFERENCES entries,
    PRIMARY KEY (requirement, entry)
) STRICT, WITHOUT ROWID;
INSERT INTO "approvals" VALUES(2,8589934597);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    driver_entries INTEGER NOT NULL,
    outsider INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO "entries" VALUES(4294967297,1,0,1796070548081015,'run_started','{"format":1,"run_id":"01a22e25-a263-7723-b5ee-754c25ed4104","agent_id":"32df8234-b091-4f08-b2ad-fe3d0d7dc15c","agent_name":"clerk","session_id":"shop","user_id":"ben","model_name":"scripted","description":"Pay the invoice","tools":[{"name":"pay","module":"gen5","parameters":{"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"], "additionalProperties": false}},{"name":"wipe","module":"gen5","parameters":{"type": "object", "properties": {"table": {"type": "string"}}, "required": ["table"], "additionalProperties": false}}],"tool_call_limit":100}',X'37B1DDF22A0C523481F987101293E6E2759A894AB919209E872F946640D8680C');
INSERT INTO "entries" VALUES(4294967298,2,0,1796070548112827,'model_replied','{"calls":[{"id":"call_1","name":"pay","args":{"amount":5},"tool":{"module":"gen5","digest":"d9319186dcbed87d09354ff7bb4927ffbeaca4f9c6aef41b4fba7f2f0a129b0c"},"asks":"confirmation"}],"duration_us":88,"attempt":1}',X'C33309C37B1330D2AF19413DC530238D24D7ECCBC2D260B7319870BC1A2E6115');
INSERT INTO "entries" VALUES(4294967299,3,0,1796070548112827,'requirement_opened','{"requirement_id":"fca4c3a6-3b27-8875-be2a-1424ab0e26c9","call_id":"call_1","kind":"confirmation"}',X'0CB5B6410B60D4D0F5024C095C275B36CA5791D075BEE660D01013FF81AC8010');
INSERT INTO "entries" VALUES(4294967300,4,0,1796070548112827,'run_paused','{}',X'D3EA9ACF7865EF5AC874D624E9822F7373366C86DE1729D99D55A78347569174');
INSERT INTO "entries" VALUES(4294967301,4,1,1796070548121409,'requirement_decided','{"requirement_id":"fca4c3a6-3b27-8875-be2a-1424ab0e26c9","decision":{"type":"confirm","remember":{"scope":"session"}},"by":"ann","memory_key":"c12768aaa77cd62c18f19fe799142bb9372cc8c4f0f0d5d5fe845053694842dd"}',X'3A828578BE87DFB742102377D0C6D1F2C939683E601C6F962BF31D063137A5C3');
INSERT INTO "entries" VALUES(4294967302,5,0,1796070548127390,'run_continued','{"holder":"process 7723 on vm","tool_call_limit":100}',X'B6BC9C188C8708C85B543C5365DC5439426D3809409B5EFA95E062F6E404325F');
INSERT INTO "entries" VALUES(4294967303,6,0,1796070548127390,'tool_started','{"call_id":"call_1","attempt":1,"holder":"process 7723 on vm"}',X'4BBEAAC5777005E4A751D27DBAC25F75B5BB412E0B8649547FDE7CD250B63520');
INSERT INTO "entries" VALUES(4294967304,7,0,1796070548192513,'tool_finished','{"call_id":"call_1","content":"paid 5","duration_us":52127}',X'025DBEE9A8228258804EA8D5AC78BC8EC2F9ECE6BEE5FD03E8A85FA066D643A0');
INSERT INTO "entries" VALUES(4294967305,8,0,1796070548192678,'model_replied','{"text":"Done.","duration_us":69,"attempt":1}',X'D814BB28DDB6C06C8AA6CE2C222B350B4E1BE17C4D49C2DFD700C28526198B97');
INSERT INTO "entries" VALUES(4294967306,9,0,1796070548192678,'run_completed','{}',X'78ACDAD5E727D7E60581B5DAD33C1ECC42B8D27FD982BCB0E74105D18B1C75EC');
INSERT INTO "entries" VALUES(8589934593,1,0,1796070548196865,'run_started','{"format":1,"run_id":"01a22e25-a2e4-75dd-8f8d-05f8b10f7fde","agent_id":"7bfeb841-c6e4-4d99-954c-db42f97417a8","agent_name":"clerk","session_id":"shop","user_id":"ben","model_name":"scripted","description":"Wipe the logs","tools":[{"name":"pay","module":"gen5","parameters":{"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"], "additionalProperties": false}},{"name":"wipe","module":"gen5","parameters":{"type": "object", "properties": {"table": {"type": "string"}}, "required": ["table"], "additionalProperties": false}}],"tool_call_limit":100}',X'ED7D87AF2903AD815D0E19969BBAC7DD8994829D209CF65BEEDCBFC2F305F62C');
INSERT INTO "entries" VALUES(8589934594,2,0,1796070548213233,'model_replied','{"calls":[{"id":"call_1","name":"wipe","args":{"table":"logs"},"tool":{"module":"gen5","digest":"b15b72e889d8ef16e9c890b8506f383207fbdf044e73fd0735db397c4916bb6a"},"asks":"confirmation","rules":{"approvals":2}}],"duration_us":76,"attempt":1}',X'14873E0B9C59FDF9EDA80FA10B33B5DF7912AC08FC3353E985FF1A6CF9806D21');
INSERT INTO "entries" VALUES(8589934595,3,0,1796070548213233,'requirement_opened','{"requirement_id":"75504117-3203-896b-85ae-0c46c6645e1f","call_id":"call_1","kind":"confirmation","terms":{"approvals":2}}',X'12251FFCDCF83F1843FF9B5510D5AD6454E32426F54CF04DD0C577E110C5DFBD');
INSERT INTO "entries" VALUES(8589934596,4,0,1796070548213233,'run_paused','{}',X'E56B1C7071596486AE939E44D1385F4EF85EAB594A635E1794203B49C90E3A39');
INSERT INTO "entries" VALUES(8589934597,4,1,1796070548238147,'requirement_decided','{"requirement_id":"75504117-3203-896b-85ae-0c46c6645e1f","decision":{"type":"confirm"},"by":"ann"}',X'4FD8F168E1E0C27BCF827CDB5D45CCEA893A2A07EE233FDAAA811302575D8C7D');
INSERT INTO "entries" VALUES(12884901889,1,0,1796070548257245,'run_started','{"format":1,"run_id":"01a22e25-a321-73d0-aebd-4ead1acdabbe","agent_id":"7bfeb841-c6e4-4d99-954c-db42f97417a8","agent_name":"clerk","session_id":"shop","user_id":"ben","model_name":"scripted","description":"Later","tools":[{"name":"pay","module":"gen5","parameters":{"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"], "additionalProperties": false}},{"name":"wipe","module":"gen5","parameters":{"type": "object", "properties": {"table": {"type": "string"}}, "required": ["table"], "additionalProperties": false}}],"tool_call_limit":100}',X'F601817B70585E17DBFC8CD2589ED8C5B6E170F4CAD04A22DED4ACA12619968F');
INSERT INTO "entries" VALUES(12884901890,2,0,1796070548257245,'run_queued','{"by":"process 7723 on vm"}',X'B3FFCA22C8C6DB4716C5B8AABEF912DAAE3ED0C238487AEFEF0EF47E5BB0A9ED');
INSERT INTO "entries" VALUES(17179869185,1,0,1796070548314168,'run_started','{"format":1,"run_id":"01a22e25-a359-7777-96ab-0d70db06316a","agent_id":"4016c526-8d26-42b9-87d0-c8819c5dc905","agent_name":"clerk","session_id":"shop","user_id":"ben","model_name":"scripted","description":"Greet","tools":[{"name":"pay","module":"gen5","parameters":{"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"], "additionalProperties": false}},{"name":"wipe","module":"gen5","parameters":{"type": "object", "properties": {"table": {"type": "string"}}, "required": ["table"], "additionalProperties": false}}],"tool_call_limit":100}',X'3514FB02C0913956F4B133C5C11FC09A051A31F95949F4EC1D30F13B64018F3B');
INSERT INTO "entries" VALUES(17179869186,2,0,1796070548373100,'model_replied','{"text":"Good day.","duration_us":103,"attempt":1}',X'9C130547E420922FDB0CBCF052567F710DE46AF2323930A389212D96B086FE7A');
INSERT INTO "entries" VALUES(17179869187,3,0,1796070548373100,'run_completed','{}',X'AA37F5B78BBA5BCB1A43B68D5E654FCB8805AAE5BF7A21A94E5BE6C5AD282B33');
CREATE TABLE holders (
    holder INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
INSERT INTO "holders" VALUES(1,'01a22e25-a168-762b-b27c-8915b93f6657','somewhere',7723,327786,1796070578196865);
INSERT INTO "holders" VALUES(2,'01a22e25-a359-7777-96ab-0d6f68609d64','somewhere',7723,327786,1796070578314168);
CREATE TABLE outbox (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entries
) STRICT;
CREATE TABLE outlines (
    entry INTEGER PRIMARY KEY REFERENCES entries,
    payload TEXT NOT NULL
) STRICT;
CREATE TABLE outsiders (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entries
) STRICT;
INSERT INTO "outsiders" VALUES(1,4294967301);
INSERT INTO "outsiders" VALUES(2,8589934597);
CREATE TABLE remembered (
    requirement INTEGER PRIMARY KEY REFERENCES requirements,
    run INTEGER NOT NULL REFERENCES runs,
    session_id TEXT,
    key TEXT NOT NULL,
    revoked INTEGER REFERENCES entries
) STRICT;
INSERT INTO "remembered" VALUES(1,1,'shop','c12768aaa77cd62c18f19fe799142bb9372cc8c4f0f0d5d5fe845053694842dd',NULL);
CREATE TABLE requirements (
    place INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs,
    requirement_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    opened INTEGER NOT NULL REFERENCES entries,
    decided INTEGER REFERENCES entries, expires_at INTEGER, approvals_needed INTEGER NOT NULL DEFAULT 1,
    UNIQUE (run, requirement_id)
) STRICT;
INSERT INTO "requirements" VALUES(1,1,'fca4c3a6-3b27-8875-be2a-1424ab0e26c9','confirmation',4294967299,4294967301,NULL,1);
INSERT INTO "requirements" VALUES(2,2,'75504117-3203-896b-85ae-0c46c6645e1f','confirmation',8589934595,NULL,NULL,2);
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
, audit_key_id TEXT, open_requirements INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "runs" VALUES(1,'01a22e25-a263-7723-b5ee-754c25ed4104','clerk','shop','ben','COMPLETED',1796070548081015,1796070548192678,2,NULL,NULL,NULL,0);
INSERT INTO "runs" VALUES(2,'01a22e25-a2e4-75dd-8f8d-05f8b10f7fde','clerk','shop','ben','PAUSED',1796070548196865,1796070548213233,1,NULL,NULL,NULL,1);
INSERT INTO "runs" VALUES(3,'01a22e25-a321-73d0-aebd-4ead1acdabbe','clerk','shop','ben','QUEUED',1796070548257245,1796070548257245,1,NULL,NULL,NULL,0);
INSERT INTO "runs" VALUES(4,'01a22e25-a359-7777-96ab-0d70db06316a','clerk','shop','ben','COMPLETED',1796070548314168,1796070548373100,1,NULL,NULL,'0a949e7a555e9b33',0);
CREATE TABLE subscriptions (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    claimed_by TEXT NOT NULL,
    claimed_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_session ON runs (session_id, status) WHERE session_id IS NOT NULL;
CREATE INDEX runs_by_user ON runs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX runs_by_agent ON runs (agent_name) WHERE agent_name IS NOT NULL;
CREATE INDEX runs_by_holder ON runs (holder) WHERE holder IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (status) WHERE status <> 'COMPLETED';
CREATE INDEX requirements_open ON requirements (place) WHERE decided IS NULL;
CREATE INDEX requirements_by_id ON requirements (requirement_id);
CREATE VIEW journal AS
SELECT runs.run_id, entries.id & 4294967295 AS seq, entries.at, entries.outsider, entries.kind, entries.payload
FROM entries JOIN runs ON runs.run = entries.id >> 32;
CREATE INDEX requirements_expiring ON requirements (expires_at) WHERE decided IS NULL AND expires_at IS NOT NULL;
CREATE TRIGGER requirement_opens AFTER INSERT ON requirements WHEN NEW.decided IS NULL
BEGIN UPDATE runs SET open_requirements = open_requirements + 1 WHERE run = NEW.run; END;
CREATE TRIGGER requirement_closes AFTER UPDATE OF decided ON requirements
WHEN OLD.decided IS NULL AND NEW.decided IS NOT NULL
BEGIN UPDATE runs SET open_requirements = open_requirements - 1 WHERE run = NEW.run; END;
CREATE INDEX runs_for_workers ON runs (agent_name)
WHERE status IN ('QUEUED', 'RUNNING') OR (status = 'PAUSED' AND open_requirements = 0);
CREATE TRIGGER entry_to_outbox AFTER INSERT ON entries WHEN EXISTS (SELECT 1 FROM subscriptions)
BEGIN INSERT INTO outbox (entry) VALUES (NEW.id); END;
CREATE INDEX remembered_in_run ON remembered (run, key) WHERE revoked IS NULL;
CREATE INDEX remembered_in_session ON remembered (session_id, key) WHERE revoked IS NULL AND session_id IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',0);
INSERT INTO "sqlite_sequence" VALUES('outsiders',2);
COMMIT;
PRAGMA foreign_keys = ON;
