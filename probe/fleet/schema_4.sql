-- Step 4: what a picture of the whole fleet is made of, and what filters hand in is kept within
-- bounds.

CREATE INDEX endpoint_key ON endpoint (key COLLATE "C", vantage COLLATE "C");
CREATE INDEX endpoint_not_closed ON endpoint (key) WHERE verdict <> 'closed';

-- `current`: it is asked from there. `late`: a tenth of its interval and a minute after it was due.
CREATE OR REPLACE VIEW endpoint_now AS
    SELECT endpoint.key, endpoint.vantage, endpoint.target, endpoint.host, endpoint.session,
           endpoint.verdict, endpoint.cause, endpoint.last, endpoint.seconds, endpoint.answered,
           endpoint.certificate, endpoint.gone, endpoint.detail,
           NOT endpoint.gone AND turn.target IS NOT NULL AND vantage.retired IS NULL AS current,
           coalesce(turn.due < now() - make_interval(secs => 60 + target.interval_seconds / 10),
               false) AND vantage.retired IS NULL AS late,
           vantage.retired IS NULL AND coalesce(vantage.last_seen, vantage.first_seen)
               < now() - interval '5 minutes' AS silent
    FROM endpoint JOIN vantage ON vantage.name = endpoint.vantage
    LEFT JOIN target ON target.name = endpoint.target
    LEFT JOIN turn ON turn.target = target.id AND turn.vantage = endpoint.vantage;

-- `seen_from`: the vantages that see it; of one that is over, those that saw it.
CREATE OR REPLACE VIEW incident_now AS
    SELECT incident.id, incident.kind, incident.severity, incident.key, incident.count,
           incident.opened, incident.last_seen, incident.ended, incident.body,
           (SELECT coalesce(array_agg(sighting.vantage ORDER BY sighting.vantage), '{}')
               FROM sighting WHERE sighting.incident = incident.id AND sighting.gone IS NULL
               AND sighting.given_up IS NULL) AS vantages,
           (SELECT count(*) FROM vantage WHERE vantage.retired IS NULL) AS vantages_in_all,
           incident.given_up, incident.fold,
           (SELECT coalesce(array_agg(sighting.vantage ORDER BY sighting.vantage), '{}')
               FROM sighting WHERE sighting.incident = incident.id
               AND (incident.ended IS NOT NULL OR sighting.gone IS NULL
               AND sighting.given_up IS NULL)) AS seen_from
    FROM incident;

-- ---- filters --------------------------------------------------------------------------------

-- A host is what its giver says: nobody's snapshot hides another's.
CREATE OR REPLACE VIEW milter_now AS
    SELECT DISTINCT ON (host, giver) host, received, giver, snapshot
    FROM milter_snapshot ORDER BY host, giver, id DESC;

DELETE FROM milter_snapshot WHERE host = '' OR length(host) >= 256 OR jsonb_typeof(snapshot) <> 'object'
    OR pg_column_size(snapshot) >= 1048576;
ALTER TABLE milter_snapshot ADD CHECK (host <> '' AND length(host) < 256),
    ADD CHECK (jsonb_typeof(snapshot) = 'object' AND pg_column_size(snapshot) < 1048576);
DELETE FROM milter_snapshot AS old USING (SELECT host, giver, max(id) AS id FROM milter_snapshot GROUP BY 1, 2) AS new
    WHERE new.host = old.host AND new.giver = old.giver AND old.id < new.id;

-- Whoever inserts removes what it replaces: the last snapshot of each of a giver's last thousand hosts
-- is kept. So no giver makes the table long, and nobody's `tick` has work with it.
DROP INDEX milter_snapshot_host;
CREATE INDEX milter_snapshot_giver ON milter_snapshot (giver, id);
CREATE FUNCTION keep_last() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
BEGIN
    WITH mine AS (
        SELECT id, giver, row_number() OVER (PARTITION BY giver, host ORDER BY id DESC) AS nth
        FROM milter_snapshot WHERE giver IN (SELECT fresh.giver FROM fresh)),
    kept AS (
        SELECT id, row_number() OVER (PARTITION BY giver ORDER BY id DESC) AS nth FROM mine WHERE nth = 1)
    DELETE FROM milter_snapshot WHERE id IN (SELECT id FROM mine WHERE nth > 1
        UNION ALL SELECT id FROM kept WHERE nth > 1000);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION keep_last FROM PUBLIC;
CREATE TRIGGER keep_last AFTER INSERT ON milter_snapshot REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION keep_last();

CREATE OR REPLACE FUNCTION tick(remind integer, history integer, sinks text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    one record;
BEGIN
    PERFORM hear(sinks);
    PERFORM settle(sinks);
    FOR one IN SELECT id FROM incident WHERE ended IS NULL AND remind > 0
        AND coalesce(reminded, told, opened) < now() - make_interval(secs => remind) FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM announce(one.id, 'repeated', sinks, now());
    END LOOP;
    DELETE FROM outbox WHERE sent < now() - interval '7 days';
    DELETE FROM incident WHERE ended < now() - make_interval(secs => history);
    DELETE FROM run WHERE last < now() - make_interval(secs => history);
    DELETE FROM endpoint WHERE last < now() - make_interval(secs => history);
    -- A giver whose transaction stays open keeps nobody waiting.
    DELETE FROM milter_snapshot WHERE id IN (SELECT id FROM milter_snapshot
        WHERE received < now() - make_interval(secs => history) FOR UPDATE SKIP LOCKED);
END $$;
