-- Step 5: an incident that was told is not told again while the database is away, one that was first
-- told then keeps its id, and one that is given up goes on nowhere.

-- Up to `most` turns that are due, each leased to this worker for twice as long as it may take.
-- `seen`: the open incidents that this vantage sees there; `told`: its opening has reached each sink.
CREATE OR REPLACE FUNCTION claim(me text, at_vantage text, most integer)
RETURNS TABLE (target_id bigint, claim_epoch bigint, target_name text, target_spec jsonb,
    target_interval integer, seen jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
BEGIN
    UPDATE worker SET last_seen = now() WHERE id = me AND last_seen < now() - interval '10 s';
    UPDATE vantage SET last_seen = now() WHERE name = at_vantage
        AND last_seen < now() - interval '10 s' AND retired IS NULL;
    RETURN QUERY
    WITH due AS (
        SELECT turn.target FROM turn JOIN vantage ON vantage.name = turn.vantage
        WHERE turn.vantage = at_vantage AND vantage.retired IS NULL AND turn.due <= now()
            AND (turn.leased_until IS NULL OR turn.leased_until < now())
        ORDER BY turn.due LIMIT most FOR UPDATE OF turn SKIP LOCKED),
    claimed AS (
        UPDATE turn SET epoch = turn.epoch + 1, worker = me, leased_until = now()
            + make_interval(secs => 2 * (SELECT max(longest_seconds) FROM target
                WHERE id IN (SELECT due.target FROM due)))
        FROM due WHERE turn.vantage = at_vantage AND turn.target = due.target
        RETURNING turn.target, turn.epoch)
    SELECT target.id, claimed.epoch, target.name, target.spec, target.interval_seconds,
        coalesce((SELECT jsonb_agg(jsonb_build_object('kind', incident.kind, 'key', incident.key,
                'fold', incident.fold, 'body', incident.body, 'told', incident.told IS NOT NULL
                AND NOT EXISTS (SELECT FROM outbox WHERE outbox.incident = incident.id
                    AND outbox.state = 'opened' AND outbox.sent IS NULL)))
            FROM sighting JOIN incident ON incident.id = sighting.incident
            WHERE sighting.vantage = at_vantage AND sighting.target = target.name
                AND sighting.gone IS NULL AND sighting.given_up IS NULL
                AND incident.ended IS NULL), '[]')
    FROM claimed JOIN target ON target.id = claimed.target ORDER BY target.id;
END $$;

-- One finding: a sighting of the incident that is open, or that it opens. Who opens one has the
-- other vantages look at once, and its alert waits for them, a minute at most. `id`: a worker
-- has told it already, under this.
CREATE OR REPLACE FUNCTION sight(at_vantage text, the_target bigint, target_name text, f jsonb, sinks text[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    about text;
    is_new boolean;
    others bigint;
BEGIN
    INSERT INTO incident (id, kind, key, fold, severity, body)
        VALUES (CASE WHEN f->>'id' ~ '^[0-9a-f]{16}$' AND NOT EXISTS (SELECT FROM incident AS other
                WHERE other.id = f->>'id') THEN f->>'id'
                ELSE substr(md5(gen_random_uuid()::text), 1, 16) END, f->>'kind', f->>'key', f->>'fold',
            f->>'severity', f->>'body')
        ON CONFLICT (kind, key) WHERE ended IS NULL
            DO UPDATE SET last_seen = now(), count = incident.count + 1
        RETURNING id, count = 1 INTO about, is_new;
    INSERT INTO sighting (incident, vantage, target) VALUES (about, at_vantage, target_name)
        ON CONFLICT (incident, vantage) DO UPDATE SET last = now(), gone = NULL, given_up = NULL;
    IF is_new THEN
        UPDATE turn SET due = least(due, now()), confirm = true WHERE target = the_target
            AND vantage <> at_vantage AND EXISTS (SELECT FROM vantage WHERE name = turn.vantage
            AND retired IS NULL AND last_seen > now() - interval '5 minutes');
        GET DIAGNOSTICS others = ROW_COUNT;
        PERFORM announce(about, 'opened', sinks, CASE WHEN others > 0
            THEN now() + interval '1 minute' ELSE now() END);
    END IF;
END $$;

-- Ends what nobody looks at any more: nobody saw that it is over, so it is given up, not resolved. Of
-- the sinks only Alertmanager keeps an alert until it hears of its end: that one is told, and why.
CREATE OR REPLACE FUNCTION give_up() RETURNS bigint
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
            PERFORM announce(one.id, 'resolved', ARRAY['alertmanager'], now())
                WHERE EXISTS (SELECT FROM outbox WHERE incident = one.id AND sink = 'alertmanager');
        END IF;
    END LOOP;
    RETURN given;
END $$;

-- Announcements for these sinks, leased to this worker. One of an incident is sent after those
-- that were made before it.
CREATE OR REPLACE FUNCTION outbox_take(me text, sinks text[], most integer)
RETURNS TABLE (number bigint, to_sink text, what text, incident_id text, kind text, key text,
    fold text, severity text, body text, counted bigint, opened_at bigint, seen_at bigint,
    vantages text, seen_from bigint, vantages_in_all bigint,
    tried integer)
LANGUAGE sql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
    WITH due AS (
        SELECT id FROM outbox AS o WHERE sent IS NULL AND ready <= now() AND sink = ANY (sinks)
            AND (leased_until IS NULL OR leased_until < now())
            AND NOT EXISTS (SELECT FROM outbox AS before WHERE before.incident = o.incident
                AND before.sink = o.sink AND before.sent IS NULL AND before.id < o.id)
        ORDER BY id LIMIT most FOR UPDATE SKIP LOCKED),
    taken AS (
        UPDATE outbox SET worker = me, leased_until = now() + interval '2 minutes',
            tries = tries + 1
        FROM due WHERE outbox.id = due.id RETURNING outbox.*)
    SELECT taken.id, taken.sink, taken.state, i.id, i.kind, i.key, i.fold, i.severity,
        CASE WHEN i.given_up THEN jsonb_set(i.body::jsonb, '{why}', to_jsonb('given up, since nobody looks at it any more: '
            || left(i.body::jsonb->>'why', 330)))::text ELSE i.body END,
        i.count, extract(epoch FROM i.opened)::bigint, extract(epoch FROM i.last_seen)::bigint,
        (SELECT coalesce(string_agg(s.vantage, ', ' ORDER BY s.vantage), '') FROM sighting AS s
            WHERE s.incident = i.id AND (s.gone IS NULL AND s.given_up IS NULL OR taken.state = 'resolved')),
        (SELECT count(*) FROM sighting AS s
            WHERE s.incident = i.id AND (s.gone IS NULL AND s.given_up IS NULL OR taken.state = 'resolved')),
        (SELECT count(*) FROM vantage WHERE retired IS NULL), taken.tries
    FROM taken JOIN incident AS i ON i.id = taken.incident ORDER BY taken.id
$$;

-- `number`: of runs that began in one second the later has the greater.
CREATE OR REPLACE VIEW audit_history AS
    SELECT endpoint.key, endpoint.vantage, endpoint.target, run.verdict, run.cause, run.first,
           run.last, run.audits, run.id AS number
    FROM run JOIN endpoint ON endpoint.id = run.endpoint;
