-- A project of schema version 4, as it was made when that was the newest: a, given and taken back once, counts for b.
PRAGMA application_id = 1112362050;
PRAGMA user_version = 4;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'labeling','first','2026-11-28 04:59:11.796642+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'labeling','second','2026-11-28 04:59:11.802014+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'labeling','third','2026-11-28 04:59:11.803682+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'labeling','fourth','2026-11-28 04:59:11.804609+00:00');
CREATE TABLE class (
    id          INTEGER PRIMARY KEY,          -- never changed, never given to another class
    name        TEXT NOT NULL,
    folded      TEXT NOT NULL,
    key         TEXT,
    color       TEXT NOT NULL,
    position    INTEGER NOT NULL,
    merged_into INTEGER REFERENCES class (id), parent INTEGER REFERENCES class (id),
    CHECK (merged_into IS NULL OR merged_into <> id)
) STRICT;
INSERT INTO "class" VALUES(0,'a','a',NULL,'#0072b2',0,1,1);
INSERT INTO "class" VALUES(1,'b','b',NULL,'#e69f00',1,NULL,NULL);
INSERT INTO "class" VALUES(2,'c','c',NULL,'#009e73',2,NULL,NULL);
CREATE TABLE image (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    path     BLOB NOT NULL,                   -- below the dataset root, as the file system has it
    name     TEXT NOT NULL,                   -- the same for people: searched and shown
    sha256   TEXT NOT NULL CHECK (length(sha256) = 64),
    bytes    INTEGER,                         -- size and time of the file when it was hashed: a cheap check
    mtime_ns INTEGER,
    width    INTEGER,
    height   INTEGER,
    split    TEXT NOT NULL CHECK (split IN ('train', 'val', 'test', 'unlabeled')),
    "group"  TEXT,
    present  INTEGER NOT NULL DEFAULT 1 CHECK (present IN (0, 1)),  -- 0: its file is gone or replaced
    -- derived from label_event, by present.py:
    state    TEXT NOT NULL DEFAULT 'none' CHECK (state IN ('none', 'labeled', 'rejected', 'disputed')),
    class    INTEGER REFERENCES class (id),
    event    INTEGER,
    flagged  INTEGER NOT NULL DEFAULT 0 CHECK (flagged IN (0, 1)),
    skips    INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "image" VALUES(1,X'30303030302E706E67','00000.png','40b87d47f784b334a15b89f556cd2acd5bfad733d403801ffd8f7c133bc23f32',NULL,NULL,NULL,NULL,'unlabeled',NULL,1,'labeled',1,1,0,0);
INSERT INTO "image" VALUES(2,X'30303030312E706E67','00001.png','5b7ceb24a4434f8ff4e6c3e9bf97c348f617f4b4f979df4eef198b85803c2740',NULL,NULL,NULL,NULL,'unlabeled',NULL,1,'none',NULL,NULL,0,0);
INSERT INTO "image" VALUES(3,X'30303030322E706E67','00002.png','bcb97c14831c68a02af5c18611e7682aa8bf62097a966ccfbc9b70e8758a044d',NULL,NULL,NULL,NULL,'unlabeled',NULL,1,'labeled',1,4,1,0);
INSERT INTO "image" VALUES(4,X'30303030332E706E67','00003.png','99b69a51e2e3a8a10437fc9dc5e618a827186667f706d80bd0f4bc2cef027293',NULL,NULL,NULL,NULL,'unlabeled',NULL,1,'none',NULL,NULL,0,0);
INSERT INTO "image" VALUES(5,X'30303030342E706E67','00004.png','9edd858febf37e271fa4d69b29b85ad3c0afc214a7e7b675d2021487330458a1',NULL,NULL,NULL,NULL,'unlabeled',NULL,1,'none',NULL,NULL,0,0);
CREATE TABLE label_event (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        TEXT NOT NULL UNIQUE,
    body        BLOB NOT NULL,                  -- hash of what was sent
    batch       TEXT NOT NULL,                  -- the act it belongs to: its own uuid or one shared
    person      INTEGER NOT NULL REFERENCES person (id),
    image       INTEGER NOT NULL REFERENCES image (id),
    request     INTEGER REFERENCES request (id),
    kind        TEXT NOT NULL CHECK (kind IN ('label', 'reject', 'skip', 'flag', 'unflag', 'confirm', 'send-back',
                                              'undo', 'redo')),
    class       INTEGER REFERENCES class (id),
    undoes      INTEGER REFERENCES label_event (id),  -- undo: the event; redo: the undo
    replaces    INTEGER REFERENCES label_event (id),
    source      TEXT NOT NULL CHECK (source IN ('single', 'grid', 'browse', 'import', 'prelabel', 'review')),
    lease       INTEGER REFERENCES lease (token),
    late        INTEGER NOT NULL DEFAULT 0 CHECK (late IN (0, 1)),
    reason      TEXT,                           -- why it is late
    guess       INTEGER REFERENCES class (id),  -- what the model thought, even where nobody was shown it
    probability REAL,
    run         INTEGER REFERENCES run (id),
    looked_ms   INTEGER,
    created     TEXT NOT NULL,
    CHECK ((kind IN ('undo', 'redo')) = (undoes IS NOT NULL)),
    CHECK (kind <> 'label' OR class IS NOT NULL)
) STRICT;
INSERT INTO "label_event" VALUES(1,'00000000-0000-4000-8000-000000000001',X'28276C6162656C272C20312C205B2827636C6173735F6964272C2030292C202827736F75726365272C202762726F77736527295D29','00000000-0000-4000-8000-000000000001',1,1,NULL,'label',0,NULL,NULL,'browse',NULL,0,NULL,NULL,NULL,NULL,NULL,'2026-11-28T04:59:11.813Z');
INSERT INTO "label_event" VALUES(2,'00000000-0000-4000-8000-000000000002',X'28276C6162656C272C20322C205B2827636C6173735F6964272C2030292C202827736F75726365272C202762726F77736527295D29','00000000-0000-4000-8000-000000000002',2,2,NULL,'label',0,NULL,NULL,'browse',NULL,0,NULL,NULL,NULL,NULL,NULL,'2026-11-28T04:59:11.828Z');
INSERT INTO "label_event" VALUES(3,'00000000-0000-4000-8000-000000000003',X'2827756E646F272C204E6F6E652C205B2827756E646F6573272C202730303030303030302D303030302D343030302D383030302D30303030303030303030303227295D29','00000000-0000-4000-8000-000000000003',2,2,NULL,'undo',NULL,2,NULL,'single',NULL,0,NULL,NULL,NULL,NULL,NULL,'2026-11-28T04:59:11.832Z');
INSERT INTO "label_event" VALUES(4,'00000000-0000-4000-8000-000000000004',X'28276C6162656C272C20332C205B2827636C6173735F6964272C2031292C202827736F75726365272C202762726F77736527295D29','00000000-0000-4000-8000-000000000004',2,3,NULL,'label',1,NULL,NULL,'browse',NULL,0,NULL,NULL,NULL,NULL,NULL,'2026-11-28T04:59:11.840Z');
INSERT INTO "label_event" VALUES(5,'00000000-0000-4000-8000-000000000005',X'2827666C6167272C20332C205B2827736F75726365272C202762726F77736527295D29','00000000-0000-4000-8000-000000000005',2,3,NULL,'flag',NULL,NULL,NULL,'browse',NULL,0,NULL,NULL,NULL,NULL,NULL,'2026-11-28T04:59:11.844Z');
CREATE TABLE lease (
    token   INTEGER PRIMARY KEY AUTOINCREMENT,  -- fences: a later lease has a higher token
    image   INTEGER NOT NULL REFERENCES image (id),
    request INTEGER REFERENCES request (id),    -- null: taken from the grid, nobody asked
    slot    INTEGER NOT NULL,
    person  INTEGER NOT NULL REFERENCES person (id),
    client  TEXT NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('active', 'done', 'skipped', 'released', 'expired', 'void')),
    boot    TEXT NOT NULL,                      -- expiry counts on this boot's monotonic clock
    expires REAL NOT NULL,
    created TEXT NOT NULL
) STRICT;
CREATE TABLE person (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name     TEXT NOT NULL,
    folded   TEXT NOT NULL UNIQUE,            -- the name without case and Unicode forms
    settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
    created  TEXT NOT NULL
, role TEXT NOT NULL DEFAULT 'annotator' CHECK (role IN ('annotator', 'admin')), password TEXT, active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))) STRICT;
INSERT INTO "person" VALUES(1,'Ann','ann','{}','2026-11-28T04:59:11.812Z','annotator',NULL,1);
INSERT INTO "person" VALUES(2,'Bob','bob','{}','2026-11-28T04:59:11.823Z','annotator',NULL,1);
CREATE TABLE prediction (                     -- the newest of each image
    image        INTEGER PRIMARY KEY REFERENCES image (id),
    run          INTEGER NOT NULL REFERENCES run (id),
    class        INTEGER NOT NULL REFERENCES class (id),
    probability  REAL NOT NULL,
    class2       INTEGER REFERENCES class (id),
    probability2 REAL,
    class3       INTEGER REFERENCES class (id),
    probability3 REAL,
    place        INTEGER NOT NULL             -- similar images of one predicted class have places close to each other
) STRICT;
CREATE TABLE project (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL CHECK (json_valid(value))
) STRICT, WITHOUT ROWID;
CREATE TABLE request (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    round    INTEGER NOT NULL REFERENCES round (id),
    purpose  TEXT NOT NULL CHECK (purpose IN ('train', 'control', 'repeat')),
    strategy TEXT,
    overlap  INTEGER NOT NULL CHECK (overlap BETWEEN 1 AND 20),
    blind    INTEGER NOT NULL CHECK (blind IN (0, 1)),
    created  TEXT NOT NULL,
    -- derived from request_item, by triggers:
    items    INTEGER NOT NULL DEFAULT 0,
    left     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE request_item (
    request    INTEGER NOT NULL REFERENCES request (id),
    rank       INTEGER NOT NULL,
    image      INTEGER NOT NULL REFERENCES image (id),
    strategy   TEXT,
    score      REAL,
    reason     TEXT,
    neighbours TEXT CHECK (neighbours IS NULL OR json_valid(neighbours)),  -- [[image, similarity], …] labeled ones
    -- derived from lease, by leases.py: slots nobody holds or has answered, and slots not yet answered
    free       INTEGER NOT NULL,
    left       INTEGER NOT NULL, turn INTEGER,
    PRIMARY KEY (request, rank)
) STRICT, WITHOUT ROWID;
CREATE TABLE round (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    event   INTEGER NOT NULL,                 -- what was known when its images were chosen
    created TEXT NOT NULL
) STRICT;
CREATE TABLE run (                            -- an index of run folders, rebuildable
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    folder  BLOB NOT NULL UNIQUE,
    stage   TEXT NOT NULL,
    event   INTEGER,                          -- the label event its manifest was written at
    created TEXT NOT NULL
) STRICT;
CREATE TABLE session (
    token   BLOB PRIMARY KEY CHECK (length(token) = 32),  -- a hash: who reads the database cannot log in
    person  INTEGER NOT NULL REFERENCES person (id),
    created TEXT NOT NULL,
    expires TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE suspect (                        -- labels that the other labels speak against, the most doubtful first
    place       INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given again: a page of an older list ends before this one
    image       INTEGER NOT NULL UNIQUE REFERENCES image (id),
    event       INTEGER NOT NULL REFERENCES label_event (id),  -- of the label that is doubted
    class       INTEGER NOT NULL REFERENCES class (id),        -- what the other labels speak for
    probability REAL NOT NULL
) STRICT;
CREATE TABLE written (                        -- writes other than labels, so that each happens once
    uuid    TEXT PRIMARY KEY,
    body    BLOB NOT NULL,                    -- hash of what was asked
    answer  TEXT NOT NULL CHECK (json_valid(answer)),
    person  INTEGER REFERENCES person (id),
    created TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE UNIQUE INDEX class_name ON class (folded) WHERE merged_into IS NULL;
CREATE UNIQUE INDEX class_key ON class (key) WHERE merged_into IS NULL AND key IS NOT NULL;
CREATE UNIQUE INDEX image_path ON image (path) WHERE present = 1;
CREATE INDEX image_sha256 ON image (sha256);
CREATE INDEX image_state ON image (state, class);
CREATE INDEX image_class ON image (class) WHERE class IS NOT NULL;
CREATE INDEX image_split ON image (split);
CREATE INDEX image_flagged ON image (id) WHERE flagged = 1;
CREATE INDEX image_skipped ON image (id) WHERE skips > 0;
CREATE INDEX image_gone ON image (id) WHERE present = 0;
CREATE INDEX prediction_class ON prediction (class, place);
CREATE INDEX request_item_image ON request_item (image);
CREATE UNIQUE INDEX lease_active ON lease (image, slot) WHERE state = 'active';
CREATE UNIQUE INDEX lease_slot ON lease (request, image, slot)
    WHERE state IN ('active', 'done') AND request IS NOT NULL;
CREATE INDEX lease_person ON lease (person, image);
CREATE INDEX lease_client ON lease (person, client) WHERE state = 'active';
CREATE INDEX lease_expires ON lease (boot, expires) WHERE state = 'active';
CREATE INDEX label_event_image ON label_event (image, person);
CREATE INDEX label_event_person ON label_event (person, id);
CREATE INDEX label_event_batch ON label_event (batch);
CREATE INDEX label_event_undoes ON label_event (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX label_event_replaces ON label_event (replaces) WHERE replaces IS NOT NULL;
CREATE TRIGGER label_event_is_never_changed BEFORE UPDATE ON label_event
BEGIN SELECT RAISE(ABORT, 'label_event is append-only'); END;
CREATE TRIGGER label_event_is_never_deleted BEFORE DELETE ON label_event
BEGIN SELECT RAISE(ABORT, 'label_event is append-only'); END;
CREATE TRIGGER class_is_never_deleted BEFORE DELETE ON class
BEGIN SELECT RAISE(ABORT, 'classes are merged, never deleted'); END;
CREATE TRIGGER class_id_is_never_changed BEFORE UPDATE OF id ON class
BEGIN SELECT RAISE(ABORT, 'the id of a class never changes'); END;
CREATE TRIGGER image_is_never_deleted BEFORE DELETE ON image
BEGIN SELECT RAISE(ABORT, 'images are marked as gone, never deleted'); END;
CREATE TRIGGER request_counts_new_items AFTER INSERT ON request_item
BEGIN UPDATE request SET items = items + 1, left = left + new.left WHERE id = new.request; END;
CREATE TRIGGER request_counts_answers AFTER UPDATE OF left ON request_item WHEN new.left <> old.left
BEGIN UPDATE request SET left = left + new.left - old.left WHERE id = new.request; END;
CREATE VIEW standing AS
SELECT event.* FROM label_event AS event
WHERE event.kind NOT IN ('undo', 'redo')
  AND NOT EXISTS (
    SELECT 1 FROM label_event AS undo
    WHERE undo.undoes = event.id AND undo.kind = 'undo'
      AND NOT EXISTS (SELECT 1 FROM label_event AS redo WHERE redo.undoes = undo.id AND redo.kind = 'redo'));
CREATE VIEW vote AS
SELECT event.id, event.image, event.person,
       event.kind = 'confirm' AS decides,
       coalesce(class.merged_into, event.class, -1) AS answer
FROM standing AS event LEFT JOIN class ON class.id = event.class
WHERE event.kind IN ('label', 'reject', 'confirm')
  AND NOT EXISTS (
    SELECT 1 FROM standing AS later
    WHERE later.image = event.image AND later.id > event.id
      AND (later.kind = 'send-back'
           OR event.kind = 'confirm' AND later.kind = 'confirm'
           OR event.kind <> 'confirm' AND later.kind IN ('label', 'reject') AND later.person = event.person))
  AND NOT EXISTS (SELECT 1 FROM standing AS newer WHERE newer.replaces = event.id);
CREATE VIEW deciding_vote AS
SELECT vote.* FROM vote
WHERE vote.decides OR NOT EXISTS (SELECT 1 FROM vote AS review WHERE review.image = vote.image AND review.decides);
CREATE VIEW answered AS
SELECT image,
       CASE WHEN min(answer) < max(answer) THEN 'disputed'
            WHEN max(answer) = -1 THEN 'rejected' ELSE 'labeled' END AS state,
       CASE WHEN min(answer) = max(answer) AND max(answer) <> -1 THEN max(answer) END AS class,
       max(id) AS event
FROM deciding_vote GROUP BY image;
CREATE VIEW marked AS
SELECT image, sum(kind = 'skip') AS skips,
       max(CASE WHEN kind = 'flag' THEN id END) > coalesce(max(CASE WHEN kind = 'unflag' THEN id END), 0) AS flagged
FROM standing WHERE kind IN ('flag', 'unflag', 'skip') GROUP BY image;
CREATE VIEW present_label AS
SELECT image.id AS image, coalesce(answered.state, 'none') AS state, answered.class, answered.event,
       coalesce(marked.flagged, 0) AS flagged, coalesce(marked.skips, 0) AS skips
FROM image LEFT JOIN answered ON answered.image = image.id LEFT JOIN marked ON marked.image = image.id;
CREATE INDEX session_person ON session (person);
CREATE INDEX session_expires ON session (expires);
CREATE INDEX request_item_free ON request_item (request, coalesce(turn, rank)) WHERE free > 0;
CREATE INDEX request_item_turn ON request_item (turn) WHERE turn IS NOT NULL;
CREATE VIEW suspected AS
SELECT place, image, (SELECT coalesce(merged_into, id) FROM class WHERE id = suspect.class) AS class, probability
FROM suspect WHERE EXISTS (
  SELECT 1 FROM image
  WHERE image.id = suspect.image AND image.event = suspect.event AND image.state = 'labeled' AND image.present = 1
    AND image.split NOT IN ('val', 'test')
    AND image.class <> (SELECT coalesce(merged_into, id) FROM class WHERE id = suspect.class));
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('image',5);
INSERT INTO "sqlite_sequence" VALUES('person',2);
INSERT INTO "sqlite_sequence" VALUES('label_event',5);
COMMIT;
