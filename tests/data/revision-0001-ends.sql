BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE attachments (
	id VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	execution VARCHAR NOT NULL, 
	created BIGINT NOT NULL, 
	version INTEGER NOT NULL, 
	payload TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "attachments" VALUES('a7','ann','e7',1772366400000000,1,'{"id":"a7","owner":"ann","execution":"e7","key":"a7.ipynb","zapp":"","kernel":"","language":"python","created":"2026-03-01T12:00:00Z","renewed":"2026-03-01T12:00:00Z","version":1}');
INSERT INTO "attachments" VALUES('a3','ann','e3',1772366400000000,1,'{"id":"a3","owner":"ann","execution":"e3","key":"a3.ipynb","zapp":"","kernel":"","language":"python","created":"2026-03-01T12:00:00Z","renewed":"2026-03-01T12:00:00Z","version":1}');
INSERT INTO "attachments" VALUES('a5','ann','e5',1772366400000000,1,'{"id":"a5","owner":"ann","execution":"e5","key":"a5.ipynb","zapp":"","kernel":"","language":"python","created":"2026-03-01T12:00:00Z","renewed":"2026-03-01T12:00:00Z","version":1}');
INSERT INTO "attachments" VALUES('a1','ann','e1',1772366400000000,1,'{"id":"a1","owner":"ann","execution":"e1","key":"a1.ipynb","zapp":"","kernel":"","language":"python","created":"2026-03-01T12:00:00Z","renewed":"2026-03-01T12:00:00Z","version":1}');
CREATE TABLE events (
	seq BIGINT NOT NULL, 
	time BIGINT NOT NULL, 
	kind VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	execution VARCHAR NOT NULL, 
	payload TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "events" VALUES(1,1772366400000000,'execution.phase','ann','e7','{"seq":1,"time":"2026-03-01T12:00:00Z","kind":"execution.phase","owner":"ann","execution":"e7","process":"","reason":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","data":{"n":[1,null,"x"]}}');
INSERT INTO "events" VALUES(2,1772366400000000,'execution.phase','ann','e7','{"seq":2,"time":"2026-03-01T12:00:00Z","kind":"execution.phase","owner":"ann","execution":"e7","process":"","reason":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","data":{"n":[1,null,"x"]}}');
INSERT INTO "events" VALUES(3,1772366400000000,'execution.phase','ann','e3','{"seq":3,"time":"2026-03-01T12:00:00Z","kind":"execution.phase","owner":"ann","execution":"e3","process":"","reason":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","data":{"n":[1,null,"x"]}}');
INSERT INTO "events" VALUES(4,1772366400000000,'execution.phase','ann','e3','{"seq":4,"time":"2026-03-01T12:00:00Z","kind":"execution.phase","owner":"ann","execution":"e3","process":"","reason":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","data":{"n":[1,null,"x"]}}');
INSERT INTO "events" VALUES(5,1772366400000000,'execution.phase','ann','e5','{"seq":5,"time":"2026-03-01T12:00:00Z","kind":"execution.phase","owner":"ann","execution":"e5","process":"","reason":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","data":{"n":[1,null,"x"]}}');
INSERT INTO "events" VALUES(6,1772366400000000,'execution.phase','ann','e5','{"seq":6,"time":"2026-03-01T12:00:00Z","kind":"execution.phase","owner":"ann","execution":"e5","process":"","reason":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","data":{"n":[1,null,"x"]}}');
INSERT INTO "events" VALUES(7,1772366400000000,'execution.phase','ann','e1','{"seq":7,"time":"2026-03-01T12:00:00Z","kind":"execution.phase","owner":"ann","execution":"e1","process":"","reason":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","data":{"n":[1,null,"x"]}}');
INSERT INTO "events" VALUES(8,1772366400000000,'execution.phase','ann','e1','{"seq":8,"time":"2026-03-01T12:00:00Z","kind":"execution.phase","owner":"ann","execution":"e1","process":"","reason":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","data":{"n":[1,null,"x"]}}');
INSERT INTO "events" VALUES(9,1772366400000000,'execution.phase','ann','e3','{"seq":9,"time":"2026-03-01T12:00:00Z","kind":"execution.phase","owner":"ann","execution":"e3","process":"","reason":"ended 3","data":{"n":[1,null,"x"]}}');
INSERT INTO "events" VALUES(10,1772366400000000,'execution.phase','ann','e5','{"seq":10,"time":"2026-03-01T12:00:00Z","kind":"execution.phase","owner":"ann","execution":"e5","process":"","reason":"ended 5","data":{"n":[1,null,"x"]}}');
CREATE TABLE executions (
	id VARCHAR NOT NULL, 
	ordinal BIGINT NOT NULL, 
	owner VARCHAR NOT NULL, 
	phase VARCHAR NOT NULL, 
	created BIGINT NOT NULL, 
	version INTEGER NOT NULL, 
	payload TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "executions" VALUES('e7',1,'ann','queued',1772366400000000,1,'{"id":"e7","owner":"ann","name":"name-e7","spec":{"zapp":"spark-cluster","title":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","version":"4.3.0","kind":"engine","groups":[{"name":"worker","framework":"spark","image":"zoe/spark:4","command":["run","näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events"],"environment":{"A":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events"},"files":{},"count":1,"essential":1,"maximum":1,"needs":[],"ports":[],"ready":{"kind":"running","port":"","path":"/","pattern":"","timeout":60.0},"drain":null,"resources":{"cores":0.1,"memory":134217728},"restart":{"limit":3,"delay":1.0,"longest":60.0},"grace":10.0,"requires":[],"decides_result":false}],"parameters":{"workers":2,"f":0.1,"x":[null]},"outputs":{},"secrets":[],"attach":{},"frameworks":[],"ends":false,"protected":false},"created":"2026-03-01T12:00:00Z","version":1,"desired":"running","outcome":null,"exit_code":null,"counts":{},"granted":null,"phase":"queued","reason":"","processes":[{"name":"zoe-test-e7-worker-0","group":"worker","index":0,"incarnation":0,"state":"pending","addresses":{"rpc":{"number":7077,"host":"127.0.0.1","port":7077,"endpoint_host":"127.0.0.1","endpoint_port":7077}},"since":"2026-03-01T12:00:00Z","started":null,"ended":null,"exit_code":null,"failures":0,"not_before":null,"deadline":null,"forced":false,"reason":""}],"running_since":null,"ended":null,"web_prefix":"/zoe","labels":{"night":"7","team":"ä=b"}}');
INSERT INTO "executions" VALUES('e3',2,'ann','ended',1772366400000000,2,'{"id":"e3","owner":"ann","name":"name-e3","spec":{"zapp":"spark-cluster","title":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","version":"4.3.0","kind":"engine","groups":[{"name":"worker","framework":"spark","image":"zoe/spark:4","command":["run","näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events"],"environment":{"A":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events"},"files":{},"count":1,"essential":1,"maximum":1,"needs":[],"ports":[],"ready":{"kind":"running","port":"","path":"/","pattern":"","timeout":60.0},"drain":null,"resources":{"cores":0.1,"memory":134217728},"restart":{"limit":3,"delay":1.0,"longest":60.0},"grace":10.0,"requires":[],"decides_result":false}],"parameters":{"workers":2,"f":0.1,"x":[null]},"outputs":{},"secrets":[],"attach":{},"frameworks":[],"ends":false,"protected":false},"created":"2026-03-01T12:00:00Z","version":2,"desired":"ended","outcome":"failed","exit_code":3,"counts":{},"granted":null,"phase":"ended","reason":"","processes":[],"running_since":null,"ended":"2026-03-01T12:00:03.000007Z","web_prefix":"/zoe","labels":{"night":"3","team":"ä=b"}}');
INSERT INTO "executions" VALUES('e5',3,'ann','ended',1772366400000000,2,'{"id":"e5","owner":"ann","name":"name-e5","spec":{"zapp":"spark-cluster","title":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","version":"4.3.0","kind":"engine","groups":[{"name":"worker","framework":"spark","image":"zoe/spark:4","command":["run","näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events"],"environment":{"A":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events"},"files":{},"count":1,"essential":1,"maximum":1,"needs":[],"ports":[],"ready":{"kind":"running","port":"","path":"/","pattern":"","timeout":60.0},"drain":null,"resources":{"cores":0.1,"memory":134217728},"restart":{"limit":3,"delay":1.0,"longest":60.0},"grace":10.0,"requires":[],"decides_result":false}],"parameters":{"workers":2,"f":0.1,"x":[null]},"outputs":{},"secrets":[],"attach":{},"frameworks":[],"ends":false,"protected":false},"created":"2026-03-01T12:00:00Z","version":2,"desired":"ended","outcome":"failed","exit_code":5,"counts":{},"granted":null,"phase":"ended","reason":"","processes":[],"running_since":null,"ended":"2026-03-01T12:00:05.000007Z","web_prefix":"/zoe","labels":{"night":"5","team":"ä=b"}}');
INSERT INTO "executions" VALUES('e1',4,'ann','queued',1772366400000000,1,'{"id":"e1","owner":"ann","name":"name-e1","spec":{"zapp":"spark-cluster","title":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events","version":"4.3.0","kind":"engine","groups":[{"name":"worker","framework":"spark","image":"zoe/spark:4","command":["run","näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events"],"environment":{"A":"näme ''x'' \"y\" \\   ⟦ 🚀 %s {} ; DROP TABLE events"},"files":{},"count":1,"essential":1,"maximum":1,"needs":[],"ports":[],"ready":{"kind":"running","port":"","path":"/","pattern":"","timeout":60.0},"drain":null,"resources":{"cores":0.1,"memory":134217728},"restart":{"limit":3,"delay":1.0,"longest":60.0},"grace":10.0,"requires":[],"decides_result":false}],"parameters":{"workers":2,"f":0.1,"x":[null]},"outputs":{},"secrets":[],"attach":{},"frameworks":[],"ends":false,"protected":false},"created":"2026-03-01T12:00:00Z","version":1,"desired":"running","outcome":null,"exit_code":null,"counts":{},"granted":null,"phase":"queued","reason":"","processes":[{"name":"zoe-test-e1-worker-0","group":"worker","index":0,"incarnation":0,"state":"pending","addresses":{"rpc":{"number":7077,"host":"127.0.0.1","port":7077,"endpoint_host":"127.0.0.1","endpoint_port":7077}},"since":"2026-03-01T12:00:00Z","started":null,"ended":null,"exit_code":null,"failures":0,"not_before":null,"deadline":null,"forced":false,"reason":""}],"running_since":null,"ended":null,"web_prefix":"/zoe","labels":{"night":"1","team":"ä=b"}}');
CREATE TABLE replies (
	owner VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	request VARCHAR NOT NULL, 
	status INTEGER NOT NULL, 
	body BLOB NOT NULL, 
	created BIGINT NOT NULL, 
	PRIMARY KEY (owner, "key")
);
INSERT INTO "replies" VALUES('ann','k7','r',202,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF',1772366400000000);
INSERT INTO "replies" VALUES('ann','k3','r',202,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF',1772366400000000);
INSERT INTO "replies" VALUES('ann','k5','r',202,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF',1772366400000000);
INSERT INTO "replies" VALUES('ann','k1','r',202,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF',1772366400000000);
CREATE TABLE secrets (
	execution VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (execution, name)
);
INSERT INTO "secrets" VALUES('e7','rpc','näme ''x'' "y" \   ⟦ 🚀 %s {} ; DROP TABLE events');
INSERT INTO "secrets" VALUES('e7','token','s7');
INSERT INTO "secrets" VALUES('e1','rpc','näme ''x'' "y" \   ⟦ 🚀 %s {} ; DROP TABLE events');
INSERT INTO "secrets" VALUES('e1','token','s1');
CREATE TABLE tokens (
	digest VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	execution VARCHAR NOT NULL, 
	created BIGINT NOT NULL, 
	payload TEXT NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "tokens" VALUES('t7','ann','e7',1772366400000000,'{"digest":"t7","owner":"ann","scopes":["read","write"],"note":"","execution":"e7","created":"2026-03-01T12:00:00Z","expires":"2026-03-01T13:00:00Z"}');
INSERT INTO "tokens" VALUES('t1','ann','e1',1772366400000000,'{"digest":"t1","owner":"ann","scopes":["read","write"],"note":"","execution":"e1","created":"2026-03-01T12:00:00Z","expires":"2026-03-01T13:00:00Z"}');
INSERT INTO "tokens" VALUES('free','ann','',1772366400000000,'{"digest":"free","owner":"ann","scopes":["read","write"],"note":"","execution":"","created":"2026-03-01T12:00:00Z","expires":null}');
CREATE INDEX executions_owner ON executions (owner);
CREATE INDEX executions_phase ON executions (phase);
CREATE UNIQUE INDEX executions_ordinal ON executions (ordinal);
CREATE INDEX events_execution ON events (execution, seq);
CREATE INDEX events_owner ON events (owner, seq);
CREATE INDEX replies_created ON replies (created);
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
CREATE TRIGGER events_no_gap BEFORE INSERT ON events WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events) BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
COMMIT;
