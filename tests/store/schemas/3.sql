-- A database of schema 3: its tables, a completed run with a confirmed call, and one of the same session that waits.
PRAGMA application_id = 1751215220;
PRAGMA user_version = 3;
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

ALTER TABLE runs ADD COLUMN audit_key_id TEXT;

ALTER TABLE requirements ADD COLUMN expires_at INTEGER;
ALTER TABLE requirements ADD COLUMN approvals_needed INTEGER NOT NULL DEFAULT 1;
CREATE INDEX requirements_expiring ON requirements (expires_at) WHERE decided IS NULL AND expires_at IS NOT NULL;

CREATE TABLE approvals (
    requirement INTEGER NOT NULL REFERENCES requirements,
    entry INTEGER NOT NULL REFERENCES entries,
    PRIMARY KEY (requirement, entry)
) STRICT, WITHOUT ROWID;

ALTER TABLE runs ADD COLUMN open_requirements INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET open_requirements = (SELECT count(*) FROM requirements q WHERE q.run = runs.run AND q.decided IS NULL)
WHERE status <> 'COMPLETED';
CREATE TRIGGER requirement_opens AFTER INSERT ON requirements WHEN NEW.decided IS NULL
BEGIN UPDATE runs SET open_requirements = open_requirements + 1 WHERE run = NEW.run; END;
CREATE TRIGGER requirement_closes AFTER UPDATE OF decided ON requirements
WHEN OLD.decided IS NULL AND NEW.decided IS NOT NULL
BEGIN UPDATE runs SET open_requirements = open_requirements - 1 WHERE run = NEW.run; END;
CREATE INDEX runs_for_workers ON runs (agent_name)
WHERE status IN ('QUEUED', 'RUNNING') OR (status = 'PAUSED' AND open_requirements = 0);

CREATE TABLE subscriptions (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    claimed_by TEXT NOT NULL,
    claimed_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entries
) STRICT;
CREATE TRIGGER entry_to_outbox AFTER INSERT ON entries WHEN EXISTS (SELECT 1 FROM subscriptions)
BEGIN INSERT INTO outbox (entry) VALUES (NEW.id); END;

INSERT INTO "holders" VALUES(1,'holder','somewhere',7,1710074,1795397263082479);
INSERT INTO "runs" VALUES(1,'01a20603-a98c-7753-9ca9-caf62d62cec3','clerk','shop',NULL,'COMPLETED',1795397233036981,1795397233076801,2,NULL,NULL,NULL,0);
INSERT INTO "runs" VALUES(2,'01a20603-a9ba-701e-9d29-2183db720d39','clerk','shop',NULL,'PAUSED',1795397233082479,1795397233086181,1,NULL,NULL,NULL,0);
INSERT INTO "entries" VALUES(4294967297,1,0,1795397233036981,'run_started','{"format":1,"run_id":"01a20603-a98c-7753-9ca9-caf62d62cec3","agent_id":"eb5b2bb8-4ba6-4790-83ad-985f651a7a69","agent_name":"clerk","session_id":"shop","model_name":"scripted","description":"Pay the invoice.","tools":[{"name":"pay","module":"make","parameters":{"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"], "additionalProperties": false}}],"tool_call_limit":100}',X'9CBC4B5B7E1A31F6B786F24F8D86970FBAEED9E2879D816F1F473EFD3975075A');
INSERT INTO "entries" VALUES(4294967298,2,0,1795397233058733,'model_replied','{"calls":[{"id":"call_1","name":"pay","args":{"amount":5},"tool":{"module":"make","digest":"d9319186dcbed87d09354ff7bb4927ffbeaca4f9c6aef41b4fba7f2f0a129b0c"},"asks":"confirmation"}],"duration_us":120,"attempt":1}',X'3639C522AD399587A43EA08E78DF23AE1B5703FA4F5631801581CCCBA463B5D5');
INSERT INTO "entries" VALUES(4294967299,3,0,1795397233058733,'requirement_opened','{"requirement_id":"98057b9d-e327-8c0a-883f-08dc46ffcddd","call_id":"call_1","kind":"confirmation"}',X'1C9C1AA27D1710DCFE28EFA8DCD0D203A44445FF5DD431E7597FD08BFA9E95DB');
INSERT INTO "entries" VALUES(4294967300,4,0,1795397233058733,'run_paused','{}',X'88BB1C08B9D227FF6850AF8B425BDB9AD3745A90CB2AE14277F965AD935701FB');
INSERT INTO "entries" VALUES(4294967301,4,1,1795397233066488,'requirement_decided','{"requirement_id":"98057b9d-e327-8c0a-883f-08dc46ffcddd","decision":{"type":"confirm"},"by":"ann"}',X'493FE39F5929AF6084D653DA10959E0EB27A7593EAD43058EAC4BF664035352C');
INSERT INTO "entries" VALUES(4294967302,5,0,1795397233074006,'run_continued','{"holder":"process 24370 on vm","tool_call_limit":100}',X'A2F7F56C5565C628A7E1C9928F27371539AF816D761438F1E6D0C81504B0880D');
INSERT INTO "entries" VALUES(4294967303,6,0,1795397233074006,'tool_started','{"call_id":"call_1","attempt":1,"holder":"process 24370 on vm"}',X'66F70539350D77545A52B1DC7E939E993DC59C71E418471317941DFB0C2BB427');
INSERT INTO "entries" VALUES(4294967304,7,0,1795397233076571,'tool_finished','{"call_id":"call_1","content":"paid 5","duration_us":463}',X'4F28D29405A54F49D2366C286152776576A39F62DF830FA2481627F07AC9E8A8');
INSERT INTO "entries" VALUES(4294967305,8,0,1795397233076801,'model_replied','{"text":"Done.","duration_us":79,"attempt":1}',X'48335D63D6FD66366C159E9EA6434CD02A1A6ECC40AB61123C34BABD27706A08');
INSERT INTO "entries" VALUES(4294967306,9,0,1795397233076801,'run_completed','{}',X'116D3EC8B6325DDDCCD8A037498D182904C3FBB2B1D9AEE3F82216A8524A6925');
INSERT INTO "entries" VALUES(8589934593,1,0,1795397233082479,'run_started','{"format":1,"run_id":"01a20603-a9ba-701e-9d29-2183db720d39","agent_id":"ad5998d9-19e4-41b7-91e8-8921bf188579","agent_name":"clerk","session_id":"shop","model_name":"scripted","description":"Pay the next invoice.","tools":[{"name":"pay","module":"make","parameters":{"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"], "additionalProperties": false}}],"tool_call_limit":100}',X'94E3E32724BEA479806A146739ADEDE45FF775B484969CE6773151FE898C7CDC');
INSERT INTO "entries" VALUES(8589934594,2,0,1795397233086181,'model_replied','{"calls":[{"id":"call_1","name":"pay","args":{"amount":5},"tool":{"module":"make","digest":"d9319186dcbed87d09354ff7bb4927ffbeaca4f9c6aef41b4fba7f2f0a129b0c"},"asks":"confirmation"}],"duration_us":79,"attempt":1}',X'D8BF206D17297CAB63CD89C0A1CD1BD570A9E783568BBFBFCAD72ADDC30C453C');
INSERT INTO "entries" VALUES(8589934595,3,0,1795397233086181,'requirement_opened','{"requirement_id":"b8964e79-6736-8144-bf9b-3abbb6613f19","call_id":"call_1","kind":"confirmation"}',X'1A575C9A226402AAA35C39B8C12F20B45393A2E452F922903B1264AA535C0DDD');
INSERT INTO "entries" VALUES(8589934596,4,0,1795397233086181,'run_paused','{}',X'B89A67D17B02741D0DCF71C20A9685A66AAB75C980B6DB0F8E437046F368DEB5');
INSERT INTO "requirements" VALUES(1,1,'98057b9d-e327-8c0a-883f-08dc46ffcddd','confirmation',4294967299,4294967301,NULL,1);
INSERT INTO "requirements" VALUES(2,2,'b8964e79-6736-8144-bf9b-3abbb6613f19','confirmation',8589934595,NULL,NULL,1);
INSERT INTO "outsiders" VALUES(1,4294967301);
