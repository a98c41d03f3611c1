-- The tables of the journal. `table.rs` reads their names, columns and keys here: a blank line stands between two tables, `sum` is the
-- last column, and a key of several columns stands behind it.

-- What was asked for, and how it stands.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, name TEXT UNIQUE, job TEXT NOT NULL,
    state INTEGER NOT NULL, begun INTEGER NOT NULL, ended INTEGER, decided TEXT, sum INTEGER NOT NULL);
CREATE INDEX jobs_by_beginning ON jobs (begun);

-- The files of jobs.
CREATE TABLE items (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source TEXT NOT NULL, site TEXT NOT NULL, path BLOB NOT NULL,
    state INTEGER NOT NULL, size INTEGER, modified INTEGER, uniq TEXT, looked INTEGER NOT NULL, bytes INTEGER NOT NULL,
    verified TEXT, taken TEXT, why TEXT, began INTEGER, ended INTEGER, attempts INTEGER NOT NULL, failure TEXT, digest BLOB,
    addresses TEXT, strangers TEXT, path_facts INTEGER, sum INTEGER NOT NULL);
CREATE UNIQUE INDEX items_by_place ON items (site, path, job);
CREATE INDEX items_by_job ON items (job, state);

-- The names under which something of a file may be stored.
CREATE TABLE parts (part INTEGER PRIMARY KEY, item INTEGER NOT NULL, number INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE INDEX parts_by_item ON parts (item, number);

-- The transfers that may go on without this program.
CREATE TABLE detached (
    item INTEGER PRIMARY KEY, source TEXT NOT NULL, destination TEXT NOT NULL, path TEXT NOT NULL,
    before INTEGER NOT NULL, moves INTEGER NOT NULL, sum INTEGER NOT NULL);

-- A row for each job of whose last run something has failed.
CREATE TABLE failures (job INTEGER PRIMARY KEY, number INTEGER NOT NULL, why TEXT NOT NULL, sum INTEGER NOT NULL);

-- How many transactions have changed the journal: row 1. Up to which of them the ends of jobs were reported: row 2, if it is there. The
-- fence of the last lease: row 3.
CREATE TABLE commits (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, sum INTEGER NOT NULL);

-- What files that took the same path have in common. A row is written once for all of them.
CREATE TABLE path_facts (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source_control TEXT, dest_control TEXT, source_data TEXT, dest_data TEXT,
    why TEXT, sum INTEGER NOT NULL);
CREATE INDEX path_facts_by_job ON path_facts (job);

-- The names that the last run of a sync has kept because nobody had agreed to delete them: `path` is all of a `WithheldName`.
CREATE TABLE withheld (job INTEGER NOT NULL, path BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (job, path));

-- What the last runs have tried. A run is one text: nothing but `why` looks into it.
CREATE TABLE runs (id INTEGER PRIMARY KEY, account TEXT NOT NULL, sum INTEGER NOT NULL);

-- The jobs that a daemon carries. Jobs of one owner, pair, priority and sites have the same `job_group`. A server that has counted no job
-- as open would take any other index of the jobs with `exit IS NULL` for as good as `queue_groups`, so `queue_open` says it otherwise.
CREATE TABLE queue (
    job INTEGER PRIMARY KEY, owner TEXT NOT NULL, pair TEXT NOT NULL, priority INTEGER NOT NULL, created INTEGER NOT NULL,
    due INTEGER NOT NULL, wish INTEGER NOT NULL, carried INTEGER NOT NULL, tries INTEGER NOT NULL, failing INTEGER,
    started INTEGER, ended INTEGER, exit INTEGER, cause TEXT, series INTEGER, request TEXT, request_digest BLOB, limited INTEGER NOT NULL,
    sites TEXT NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL, failed INTEGER NOT NULL, changed INTEGER NOT NULL,
    submitted INTEGER NOT NULL, waits_for INTEGER, job_group INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE INDEX queue_groups ON queue (job_group, submitted, due, exit, carried, wish) WHERE exit IS NULL AND carried = 0 AND wish != 1;
CREATE INDEX queue_open ON queue (owner) WHERE coalesce(exit, -1) < 0;
CREATE INDEX queue_paused ON queue (job) WHERE exit IS NULL AND carried = 0 AND wish = 1;
CREATE INDEX queue_waiting ON queue (due, exit, wish, carried) WHERE exit IS NULL AND cause IS NOT NULL;
CREATE INDEX queue_ended ON queue (ended, exit) WHERE exit IS NOT NULL;
CREATE INDEX queue_carried ON queue (job) WHERE carried = 1;
CREATE INDEX queue_submitted ON queue (submitted, job);
CREATE INDEX queue_owner ON queue (owner, submitted, job);
CREATE INDEX queue_changed ON queue (changed);
CREATE INDEX queue_behind ON queue (waits_for) WHERE waits_for IS NOT NULL;
CREATE UNIQUE INDEX queue_request ON queue (owner, request) WHERE request IS NOT NULL;

-- The jobs that are carried again and again.
CREATE TABLE series (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, pair TEXT NOT NULL, priority INTEGER NOT NULL, job TEXT NOT NULL,
    every TEXT NOT NULL, zone TEXT NOT NULL, created INTEGER NOT NULL, next INTEGER, paused INTEGER NOT NULL, last INTEGER,
    limited INTEGER NOT NULL, sites TEXT NOT NULL, sum INTEGER NOT NULL);

-- The tokens of the API. Of each there is only its SHA-256.
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, scope INTEGER NOT NULL, digest BLOB NOT NULL, created INTEGER NOT NULL,
    expires INTEGER, sum INTEGER NOT NULL);

-- The workers of the queue.
CREATE TABLE workers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, parallel INTEGER NOT NULL, started INTEGER NOT NULL,
    seen INTEGER NOT NULL, draining INTEGER NOT NULL, reports INTEGER NOT NULL, sites TEXT NOT NULL, sum INTEGER NOT NULL);

-- Who carries the jobs of the queue that are carried, and parts of their trees; and how far the jobs are: a text that is only shown.
CREATE TABLE leases (
    job INTEGER NOT NULL, part INTEGER NOT NULL, worker INTEGER NOT NULL, fence INTEGER NOT NULL, until INTEGER NOT NULL,
    progress TEXT, sum INTEGER NOT NULL, PRIMARY KEY (job, part));

-- The parts of trees that workers carry for the worker of the job, or may carry: the files as long as it goes on, and what came of
-- them after that, both in JSON.
CREATE TABLE tree_parts (
    job INTEGER NOT NULL, part INTEGER NOT NULL, state INTEGER NOT NULL, files TEXT NOT NULL, sum INTEGER NOT NULL,
    PRIMARY KEY (job, part));

-- What programs of several hosts remember together of servers: a document for each kind of knowledge. One host has files for it.
CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL);
