-- A database of schema 7: its tables, a completed run, and one that waits for a confirmation.
PRAGMA foreign_keys = OFF;
PRAGMA application_id = 1751215220;
PRAGMA user_version = 7;
BEGIN TRANSACTION;
CREATE TABLE approvals (
    requirement INTEGER NOT NULL REFERENCES requirements,
    entry INTEGER NOT NULL REFERENCES entries,
    PRIMARY KEY (requirement, entry)
) STRICT, WITHOUT ROWID;
CREATE TABLE "entries" (
    id INTEGER PRIMARY KEY,
    driver_entries INTEGER NOT NULL,
    outsider INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    hash BLOB NOT NULL,
    requires TEXT,
    action TEXT,
    actor TEXT,
    requirement_id TEXT,
    salt BLOB,
    commitment BLOB,
    payload TEXT
) STRICT;
INSERT INTO "entries" VALUES(4294967297,1,0,1796076119860979,'run_started',X'FDB104898ADA4186792C28A9448BF83337F9562AE38C9193AE01A0EEC83A041B',NULL,NULL,NULL,NULL,X'E58D8C158E1C484B805D2DBC87700A02',X'98A53B01026F0F0EA10BFB7C0AC4C59295DF42715155C6F3DA4407A11B2AB030','{"format":2,"run_id":"01a22e7a-a734-753a-91dd-a9c4a4abdb05","agent_id":"86912da1-5c4e-4c64-9cd4-b7f0baf13f50","agent_name":"greeter","model_name":"scripted","description":"Say hello.","tool_call_limit":100}');
INSERT INTO "entries" VALUES(4294967298,2,0,1796076119862270,'model_replied',X'69964067C57383F941BAFAFEB8C520D772EF483F8FD52387598185050071037D',NULL,NULL,NULL,NULL,X'9B306F9EB908A11F57DC49E146F3C235',X'DC30EE057A99E0B6792F6CC9A40418DB7557AFFC182DDFF17E97CCD2E17087DC','{"text":"Hello.","duration_us":54,"attempt":1}');
INSERT INTO "entries" VALUES(4294967299,3,0,1796076119862270,'run_completed',X'B6E2FF04F7A0A0B3DEEF12E62E7F4416AE50A48AC451BD9408FBFC12B975ED24',NULL,NULL,NULL,NULL,X'8D36AD5104574DA8BCD071BCC41D41C9',X'D988D6C2A76D4E4C96F85C04F284C3EAD754AF5E9C5C28BE8820924B3D6EF2A7','{}');
INSERT INTO "entries" VALUES(8589934593,1,0,1796076119873192,'run_started',X'9FEDE2C32CF438ACDC61389AC2C8A787D832C8FF7856D6E92C413E976104A576',NULL,NULL,NULL,NULL,X'933BE77A85289EE62097929A500ABB79',X'CDCC3D8B6308FFB85BC6E950BEACD366CF03930E764B387C89B7DECC1EBCFB00','{"format":2,"run_id":"01a22e7a-a741-7043-8bd5-2705bc1e8204","agent_id":"aaf6d81f-104f-408d-83a0-c6c8b6da77f7","agent_name":"payer","model_name":"scripted","description":"Pay.","tools":[{"name":"pay","module":"mkfix","parameters":{"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"], "additionalProperties": false}}],"tool_call_limit":100}');
INSERT INTO "entries" VALUES(8589934594,2,0,1796076119883368,'model_replied',X'C41B927469EC84DAA5F59C612D2F8B7DB7CB3271FDE84DD7ACF9D22E8313E8C4',NULL,NULL,NULL,NULL,X'FB76E8BD4383B036BF83773BE44AF0DA',X'45C27A19E7ECF5B2E36C818451F0866CCBFAA03B3DC13908784C565442BFF40D','{"calls":[{"id":"call-1","name":"pay","args":{"amount":5},"tool":{"module":"mkfix","digest":"d9319186dcbed87d09354ff7bb4927ffbeaca4f9c6aef41b4fba7f2f0a129b0c"},"asks":"confirmation"}],"duration_us":46,"attempt":1}');
INSERT INTO "entries" VALUES(8589934595,3,0,1796076119883368,'requirement_opened',X'B883A49EB2AE63BB27F4551A2A653B3E528084438F8B5249B2FC7C5E21C09ECC',NULL,NULL,NULL,NULL,X'872D9B682148438767FFB4CC75EE66F7',X'D78C55370FEFB076E33076BC24072A91A1B2775F4F22D93AE505D0478497FDB1','{"requirement_id":"4ead279e-192f-8700-9938-ebc17427fc9a","call_id":"call-1","kind":"confirmation"}');
INSERT INTO "entries" VALUES(8589934596,4,0,1796076119883368,'run_paused',X'7A94CCD8B80F97C8A2445F21EE523429A27913E9A06CF11F657752B2BAC8D5D5',NULL,NULL,NULL,NULL,X'CCF0643D4444787D20232117A0E2CA64',X'5A7D98BC99CB6E5FA16C3EB758BA226C452B2E4103DE6AF62ADD421EFF14D09F','{}');
CREATE TABLE holders (
    holder INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
INSERT INTO "holders" VALUES(1,'01a22e7a-a730-751b-a849-ae4d3f82cdd3','somewhere',5276,885144,1796076149873192);
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
CREATE TABLE remembered (
    requirement INTEGER PRIMARY KEY REFERENCES requirements,
    run INTEGER NOT NULL REFERENCES runs,
    session_id TEXT,
    key TEXT NOT NULL,
    revoked INTEGER REFERENCES entries
) STRICT;
CREATE TABLE requirements (
    place INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs,
    requirement_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    opened INTEGER NOT NULL REFERENCES entries,
    decided INTEGER REFERENCES entries, expires_at INTEGER, approvals_needed INTEGER NOT NULL DEFAULT 1,
    UNIQUE (run, requirement_id)
) STRICT;
INSERT INTO "requirements" VALUES(1,2,'4ead279e-192f-8700-9938-ebc17427fc9a','confirmation',8589934595,NULL,NULL,1);
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
, audit_key_id TEXT, open_requirements INTEGER NOT NULL DEFAULT 0, format INTEGER NOT NULL DEFAULT 1, erased INTEGER) STRICT;
INSERT INTO "runs" VALUES(1,'01a22e7a-a734-753a-91dd-a9c4a4abdb05','greeter',NULL,NULL,'COMPLETED',1796076119860979,1796076119862270,1,NULL,NULL,NULL,0,2,NULL);
INSERT INTO "runs" VALUES(2,'01a22e7a-a741-7043-8bd5-2705bc1e8204','payer',NULL,NULL,'PAUSED',1796076119873192,1796076119883368,1,NULL,NULL,NULL,1,2,NULL);
CREATE TABLE subscriptions (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    claimed_by TEXT NOT NULL,
    claimed_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE unfinished_erasures (
    run INTEGER PRIMARY KEY
) STRICT;
CREATE INDEX runs_by_session ON runs (session_id, status) WHERE session_id IS NOT NULL;
CREATE INDEX runs_by_user ON runs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX runs_by_agent ON runs (agent_name) WHERE agent_name IS NOT NULL;
CREATE INDEX runs_by_holder ON runs (holder) WHERE holder IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (status) WHERE status <> 'COMPLETED';
CREATE INDEX requirements_open ON requirements (place) WHERE decided IS NULL;
CREATE INDEX requirements_by_id ON requirements (requirement_id);
CREATE INDEX requirements_expiring ON requirements (expires_at) WHERE decided IS NULL AND expires_at IS NOT NULL;
CREATE TRIGGER requirement_opens AFTER INSERT ON requirements WHEN NEW.decided IS NULL
BEGIN UPDATE runs SET open_requirements = open_requirements + 1 WHERE run = NEW.run; END;
CREATE TRIGGER requirement_closes AFTER UPDATE OF decided ON requirements
WHEN OLD.decided IS NULL AND NEW.decided IS NOT NULL
BEGIN UPDATE runs SET open_requirements = open_requirements - 1 WHERE run = NEW.run; END;
CREATE INDEX runs_for_workers ON runs (agent_name)
WHERE status IN ('QUEUED', 'RUNNING') OR (status = 'PAUSED' AND open_requirements = 0);
CREATE INDEX remembered_in_run ON remembered (run, key) WHERE revoked IS NULL;
CREATE INDEX remembered_in_session ON remembered (session_id, key) WHERE revoked IS NULL AND session_id IS NOT NULL;
CREATE TRIGGER entry_to_outbox AFTER INSERT ON entries WHEN EXISTS (SELECT 1 FROM subscriptions)
BEGIN INSERT INTO outbox (entry) VALUES (NEW.id); END;
CREATE VIEW journal AS
SELECT runs.run_id, entries.id & 4294967295 AS seq, entries.at, entries.outsider, entries.kind, entries.payload,
       entries.action, entries.actor, entries.requirement_id, entries.requires
FROM entries JOIN runs ON runs.run = entries.id >> 32;
CREATE INDEX outsiders_by_entry ON outsiders (entry);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',0);
COMMIT;
