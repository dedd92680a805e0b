-- Step 1 of the schema relaywarden. schema.md explains it, and has a picture.
--
-- Everything that a program does is one call of a function: one statement, so one transaction, of
-- which a pooler in transaction mode knows nothing. The functions are their owner's (SECURITY
-- DEFINER): a role may call what its work needs, and read no more than the views.

CREATE TABLE vantage (
    name text PRIMARY KEY CHECK (name <> ''),
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz,
    retired timestamptz
);

CREATE TABLE worker (
    id text PRIMARY KEY,
    vantage text NOT NULL REFERENCES vantage ON DELETE CASCADE,
    host text NOT NULL DEFAULT '',
    version text NOT NULL DEFAULT '',
    started timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    handed bigint NOT NULL DEFAULT 0
);

CREATE TABLE target (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    spec jsonb NOT NULL,
    interval_seconds integer NOT NULL CHECK (interval_seconds > 0),
    longest_seconds integer NOT NULL CHECK (longest_seconds > 0),
    added timestamptz NOT NULL DEFAULT now()
);

-- A target's next audit at a vantage. `epoch` counts the claims: a result of an older one is late.
CREATE TABLE turn (
    target bigint NOT NULL REFERENCES target ON DELETE CASCADE,
    vantage text NOT NULL REFERENCES vantage ON DELETE CASCADE,
    due timestamptz NOT NULL DEFAULT now(),
    epoch bigint NOT NULL DEFAULT 0,
    worker text,
    leased_until timestamptz,
    asked timestamptz,
    confirm boolean NOT NULL DEFAULT false,
    PRIMARY KEY (target, vantage)
) WITH (fillfactor = 80);
CREATE INDEX turn_due ON turn (vantage, due);

CREATE TABLE endpoint (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vantage text NOT NULL REFERENCES vantage ON DELETE CASCADE,
    key text NOT NULL,
    target text NOT NULL,
    host text NOT NULL DEFAULT '',
    session text NOT NULL DEFAULT '',
    verdict text NOT NULL,
    cause text NOT NULL DEFAULT '',
    last timestamptz NOT NULL,
    seconds double precision NOT NULL DEFAULT 0,
    answered boolean,
    certificate boolean,
    gone boolean NOT NULL DEFAULT false,
    detail text NOT NULL DEFAULT '{}',
    UNIQUE (vantage, key)
) WITH (fillfactor = 80);
CREATE INDEX endpoint_target ON endpoint (target, vantage);

-- Audits one after the other that came to the same: a row when something changed, else a counter.
CREATE TABLE run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint bigint NOT NULL REFERENCES endpoint ON DELETE CASCADE,
    verdict text NOT NULL,
    cause text NOT NULL DEFAULT '',
    first timestamptz NOT NULL,
    last timestamptz NOT NULL,
    audits bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 80);
CREATE INDEX run_endpoint ON run (endpoint, first);

-- `body` is what finding_json.h writes. `given_up`: it ended, and nobody saw that it is over.
CREATE TABLE incident (
    id text PRIMARY KEY,
    kind text NOT NULL,
    key text NOT NULL,
    fold text NOT NULL DEFAULT '',
    severity text NOT NULL,
    body text NOT NULL,
    count bigint NOT NULL DEFAULT 1,
    opened timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    told timestamptz,
    ended timestamptz,
    given_up boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX incident_open ON incident (kind, key) WHERE ended IS NULL;
CREATE INDEX incident_ended ON incident (ended) WHERE ended IS NOT NULL;

-- A vantage sees an incident, or (`gone`) has seen that it is over there, or (`given_up`) looks no
-- more: it was retired, or the target left the roster.
CREATE TABLE sighting (
    incident text NOT NULL REFERENCES incident ON DELETE CASCADE,
    vantage text NOT NULL,
    target text NOT NULL DEFAULT '',
    first timestamptz NOT NULL DEFAULT now(),
    last timestamptz NOT NULL DEFAULT now(),
    gone timestamptz,
    given_up timestamptz,
    PRIMARY KEY (incident, vantage)
);
CREATE INDEX sighting_here ON sighting (vantage, target) WHERE gone IS NULL AND given_up IS NULL;

-- An announcement on its way to one sink.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident text NOT NULL REFERENCES incident ON DELETE CASCADE,
    state text NOT NULL CHECK (state IN ('opened', 'repeated', 'resolved')),
    sink text NOT NULL,
    count bigint NOT NULL DEFAULT 1,
    made timestamptz NOT NULL DEFAULT now(),
    ready timestamptz NOT NULL DEFAULT now(),
    worker text,
    leased_until timestamptz,
    tries integer NOT NULL DEFAULT 0,
    sent timestamptz
);
CREATE INDEX outbox_waiting ON outbox (ready) WHERE sent IS NULL;
CREATE INDEX outbox_incident ON outbox (incident);

CREATE TABLE milter_snapshot (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host text NOT NULL,
    received timestamptz NOT NULL DEFAULT now(),
    giver text NOT NULL DEFAULT session_user,
    snapshot jsonb NOT NULL
);
CREATE INDEX milter_snapshot_host ON milter_snapshot (host, id);

-- ---- views ----------------------------------------------------------------------------------

CREATE VIEW endpoint_now AS
    SELECT endpoint.key, endpoint.vantage, endpoint.target, endpoint.host, endpoint.session,
           endpoint.verdict, endpoint.cause, endpoint.last, endpoint.seconds, endpoint.answered,
           endpoint.certificate, endpoint.gone, endpoint.detail
    FROM endpoint;

CREATE VIEW audit_history AS
    SELECT endpoint.key, endpoint.vantage, endpoint.target, run.verdict, run.cause, run.first,
           run.last, run.audits
    FROM run JOIN endpoint ON endpoint.id = run.endpoint;

-- Late: a tenth of its interval and a minute after it was due.
CREATE VIEW vantage_now AS
    SELECT vantage.name, vantage.first_seen, vantage.last_seen, vantage.retired,
           vantage.retired IS NULL AND coalesce(vantage.last_seen, vantage.first_seen)
               < now() - interval '5 minutes' AS silent,
           (SELECT count(*) FROM worker WHERE worker.vantage = vantage.name
               AND worker.last_seen > now() - interval '5 minutes') AS workers,
           (SELECT count(*) FROM turn WHERE turn.vantage = vantage.name) AS targets,
           (SELECT count(*) FROM turn JOIN target ON target.id = turn.target
               WHERE turn.vantage = vantage.name AND vantage.retired IS NULL
               AND turn.due < now() - make_interval(secs => 60 + target.interval_seconds / 10))
               AS late
    FROM vantage;

CREATE VIEW incident_now AS
    SELECT incident.id, incident.kind, incident.severity, incident.key, incident.count,
           incident.opened, incident.last_seen, incident.ended, incident.body,
           (SELECT coalesce(array_agg(sighting.vantage ORDER BY sighting.vantage), '{}')
               FROM sighting WHERE sighting.incident = incident.id AND sighting.gone IS NULL
               AND sighting.given_up IS NULL) AS vantages,
           (SELECT count(*) FROM vantage WHERE vantage.retired IS NULL) AS vantages_in_all,
           incident.given_up
    FROM incident;

-- One row: how all of it stands. Unasked: a target that has a turn at no vantage.
CREATE VIEW fleet_now AS
    SELECT (SELECT count(*) FROM target) AS targets,
           (SELECT count(*) FROM target WHERE NOT EXISTS
               (SELECT FROM turn WHERE turn.target = target.id)) AS unasked,
           (SELECT count(*) FROM vantage_now WHERE retired IS NULL AND NOT silent) AS in_service,
           (SELECT count(*) FROM incident WHERE ended IS NULL) AS incidents,
           (SELECT count(*) FROM incident WHERE ended IS NULL AND severity = 'critical')
               AS critical,
           (SELECT count(*) FROM incident WHERE ended IS NULL AND severity = 'warning')
               AS warnings;

CREATE VIEW milter_now AS
    SELECT DISTINCT ON (host) host, received, giver, snapshot
    FROM milter_snapshot ORDER BY host, id DESC;

-- ---- the roster -----------------------------------------------------------------------------

-- Ends without a word what nobody looks at any more: nobody saw that it is over, so it is given up,
-- not resolved. Somebody may have seen it since the list was made: each is looked at again once it
-- is locked.
CREATE FUNCTION give_up() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    one record;
    given bigint := 0;
BEGIN
    FOR one IN SELECT id FROM incident WHERE ended IS NULL
        AND EXISTS (SELECT FROM sighting WHERE sighting.incident = incident.id)
        AND NOT EXISTS (SELECT FROM sighting WHERE sighting.incident = incident.id
            AND (gone IS NOT NULL OR sighting.given_up IS NULL)) ORDER BY id FOR UPDATE
    LOOP
        UPDATE incident SET ended = now(), given_up = true WHERE id = one.id AND ended IS NULL
            AND NOT EXISTS (SELECT FROM sighting WHERE sighting.incident = one.id
                AND (gone IS NOT NULL OR sighting.given_up IS NULL));
        IF FOUND THEN
            given := given + 1;
        END IF;
    END LOOP;
    RETURN given;
END $$;

-- Makes the roster what `list` has: [{"name":..., "interval":S, "longest":S, "spec":{...}}, ...].
-- A target that it does not have leaves, and nobody looks at it any more. `given_up`: incidents of those.
CREATE FUNCTION sync(list jsonb, OUT added bigint, OUT changed bigint, OUT dropped bigint,
    OUT given_up bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    gone_names text[];
BEGIN
    IF jsonb_typeof(list) IS DISTINCT FROM 'array' OR list = '[]' THEN
        RAISE EXCEPTION 'this list has no target, and the roster would be empty'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('relaywarden roster'));
    CREATE TEMPORARY TABLE wanted ON COMMIT DROP AS
        SELECT * FROM jsonb_to_recordset(list)
            AS x(name text, "interval" integer, longest integer, spec jsonb);
    UPDATE target SET spec = w.spec, interval_seconds = w."interval", longest_seconds = w.longest
        FROM wanted w WHERE w.name = target.name AND (target.spec, target.interval_seconds,
            target.longest_seconds) IS DISTINCT FROM (w.spec, w."interval", w.longest);
    GET DIAGNOSTICS changed = ROW_COUNT;
    WITH had AS (
        DELETE FROM target WHERE NOT EXISTS (SELECT FROM wanted WHERE wanted.name = target.name)
        RETURNING name)
    SELECT coalesce(array_agg(name), '{}') INTO gone_names FROM had;
    dropped := cardinality(gone_names);
    INSERT INTO target (name, spec, interval_seconds, longest_seconds)
        SELECT name, spec, "interval", longest FROM wanted ON CONFLICT (name) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    INSERT INTO turn (target, vantage)
        SELECT target.id, vantage.name FROM target CROSS JOIN vantage WHERE vantage.retired IS NULL
        ON CONFLICT DO NOTHING;
    UPDATE endpoint SET gone = true WHERE target = ANY (gone_names);
    UPDATE sighting SET given_up = now() WHERE gone IS NULL AND sighting.given_up IS NULL
        AND target = ANY (gone_names);
    given_up := give_up();
END $$;

-- A vantage whose past is taken over has its turns from now on.
CREATE FUNCTION join_fleet(at_vantage text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
BEGIN
    INSERT INTO vantage (name) VALUES (at_vantage) ON CONFLICT DO NOTHING;
    IF EXISTS (SELECT FROM vantage WHERE name = at_vantage AND retired IS NOT NULL) THEN
        RAISE EXCEPTION 'vantage % is retired and takes nothing over; set another vantage_name',
            at_vantage USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO turn (target, vantage) SELECT target.id, at_vantage FROM target
        ON CONFLICT DO NOTHING;
END $$;

-- Takes over what one machine kept for itself: [{"key":..., ..., "runs":[...]}, ...] with times in
-- Unix seconds. An endpoint that is there already stays as it is.
CREATE FUNCTION import(at_vantage text, list jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    one record;
    place bigint;
    taken bigint := 0;
BEGIN
    PERFORM join_fleet(at_vantage);
    FOR one IN SELECT * FROM jsonb_to_recordset(list) AS x(key text, target text, host text,
        session text, verdict text, cause text, last bigint, seconds double precision,
        answered boolean, certificate boolean, gone boolean, detail text, runs jsonb)
    LOOP
        INSERT INTO endpoint (vantage, key, target, host, session, verdict, cause, last, seconds,
            answered, certificate, gone, detail)
            VALUES (at_vantage, one.key, one.target, one.host, one.session, one.verdict, one.cause,
                to_timestamp(one.last), one.seconds, one.answered, one.certificate, one.gone,
                one.detail)
            ON CONFLICT (vantage, key) DO NOTHING RETURNING id INTO place;
        IF place IS NOT NULL THEN
            INSERT INTO run (endpoint, verdict, cause, first, last, audits)
                SELECT place, r.verdict, r.cause, to_timestamp(r.first), to_timestamp(r.last),
                    r.audits
                FROM jsonb_to_recordset(one.runs)
                    AS r(verdict text, cause text, first bigint, last bigint, audits bigint);
            taken := taken + 1;
        END IF;
    END LOOP;
    RETURN taken;
END $$;

-- The same for incidents; of one whose subject has an open incident already, this vantage becomes
-- another that sees it.
CREATE FUNCTION import_incidents(at_vantage text, list jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    one record;
    about text;
    taken bigint := 0;
BEGIN
    PERFORM join_fleet(at_vantage);
    FOR one IN SELECT * FROM jsonb_to_recordset(list) AS x(id text, kind text, key text, fold text,
        severity text, body text, count bigint, target text, opened bigint, last_seen bigint,
        ended bigint)
    LOOP
        INSERT INTO incident (id, kind, key, fold, severity, body, count, opened, last_seen, told,
            ended)
            VALUES (one.id, one.kind, one.key, one.fold, one.severity, one.body, one.count,
                to_timestamp(one.opened), to_timestamp(one.last_seen), to_timestamp(one.opened),
                to_timestamp(one.ended))
            ON CONFLICT DO NOTHING RETURNING id INTO about;
        IF about IS NOT NULL THEN
            taken := taken + 1;
        ELSIF one.ended IS NULL THEN
            SELECT id INTO about FROM incident
                WHERE kind = one.kind AND key = one.key AND ended IS NULL FOR UPDATE;
        END IF;
        INSERT INTO sighting (incident, vantage, target, first, last, gone)
            SELECT about, at_vantage, coalesce(one.target, ''), to_timestamp(one.opened),
                to_timestamp(one.last_seen), to_timestamp(one.ended) WHERE about IS NOT NULL
            ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN taken;
END $$;

-- A vantage is given up: it is asked from no more, and looks at no incident any more. How many
-- incidents ended by that, since no other vantage sees them; NULL: it is not in service.
CREATE FUNCTION retire(at_vantage text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
BEGIN
    UPDATE vantage SET retired = now() WHERE name = at_vantage AND retired IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    DELETE FROM turn WHERE turn.vantage = at_vantage;
    UPDATE sighting SET given_up = now() WHERE sighting.vantage = at_vantage AND gone IS NULL
        AND given_up IS NULL;
    RETURN give_up();
END $$;

-- ---- who may do what ------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA relaywarden FROM PUBLIC;
GRANT USAGE ON SCHEMA relaywarden TO relaywarden_worker, relaywarden_reader, relaywarden_milter;
GRANT SELECT ON endpoint_now, vantage_now, incident_now, audit_history, milter_now, fleet_now, step
    TO relaywarden_worker, relaywarden_reader;
GRANT SELECT ON step TO relaywarden_milter;
GRANT EXECUTE ON FUNCTION sync, import, import_incidents, retire TO relaywarden_worker;
GRANT INSERT (host, snapshot) ON milter_snapshot TO relaywarden_milter;
