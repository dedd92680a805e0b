-- Step 2: workers claim turns, record what they learnt, and send what is due.

ALTER TABLE incident ADD COLUMN reminded timestamptz;

-- Whether somebody has seen the incident gone, and nobody sees it. A sighting that was given up is neither.
CREATE FUNCTION is_over(about text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM sighting WHERE incident = about AND gone IS NOT NULL)
        AND NOT EXISTS (SELECT FROM sighting WHERE incident = about AND gone IS NULL
            AND given_up IS NULL)
$$;

-- An announcement for each sink, held back until `ready`.
CREATE FUNCTION announce(about text, what text, sinks text[], at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
    INSERT INTO outbox (incident, state, sink, count, ready)
        SELECT about, what, sink, (SELECT count FROM incident WHERE id = about), at
        FROM unnest(sinks) AS sink;
    UPDATE incident SET told = coalesce(told, now()), reminded = now() WHERE id = about;
$$;

-- Ends what no vantage sees any more, where one has seen that it is over. Somebody may have seen it
-- since the list was made: each is looked at again once it is locked.
CREATE FUNCTION settle(sinks text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    one record;
    ended_now bigint := 0;
BEGIN
    FOR one IN SELECT id, told FROM incident WHERE ended IS NULL AND is_over(id)
        ORDER BY id FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE incident SET ended = now() WHERE id = one.id AND ended IS NULL AND is_over(one.id);
        CONTINUE WHEN NOT FOUND;
        ended_now := ended_now + 1;
        IF one.told IS NOT NULL THEN
            PERFORM announce(one.id, 'resolved', sinks, now());
        END IF;
    END LOOP;
    RETURN ended_now;
END $$;

-- A worker begins. A vantage that was retired is in service again.
CREATE FUNCTION hello(me text, at_vantage text, host text, version text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
    INSERT INTO vantage (name, last_seen) VALUES (at_vantage, now())
        ON CONFLICT (name) DO UPDATE SET last_seen = now(), retired = NULL;
    INSERT INTO worker (id, vantage, host, version) VALUES (me, at_vantage, host, version)
        ON CONFLICT (id) DO UPDATE SET last_seen = now();
    DELETE FROM worker WHERE last_seen < now() - interval '30 days';
    INSERT INTO turn (target, vantage) SELECT target.id, at_vantage FROM target
        ON CONFLICT DO NOTHING;
$$;

-- Up to `most` turns that are due, each leased to this worker for twice as long as it may take.
-- `seen`: the open incidents that this vantage sees there.
CREATE FUNCTION claim(me text, at_vantage text, most integer)
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
                'fold', incident.fold, 'body', incident.body))
            FROM sighting JOIN incident ON incident.id = sighting.incident
            WHERE sighting.vantage = at_vantage AND sighting.target = target.name
                AND sighting.gone IS NULL AND sighting.given_up IS NULL
                AND incident.ended IS NULL), '[]')
    FROM claimed JOIN target ON target.id = claimed.target ORDER BY target.id;
END $$;

-- One endpoint's audit. A later one may have been recorded before an earlier one.
CREATE FUNCTION keep(at_vantage text, target_name text, r jsonb, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    place bigint;
    latest bigint;
BEGIN
    INSERT INTO endpoint (vantage, key, target, host, session, verdict, cause, last, seconds,
        answered, certificate, detail)
        VALUES (at_vantage, r->>'key', target_name, r->>'host', r->>'session', r->>'verdict',
            r->>'cause', at, (r->>'seconds')::double precision, (r->>'answered')::boolean,
            (r->>'certificate')::boolean, r->>'detail')
        ON CONFLICT (vantage, key) DO UPDATE SET target = excluded.target, host = excluded.host,
            session = excluded.session, verdict = excluded.verdict, cause = excluded.cause,
            last = excluded.last, seconds = excluded.seconds, answered = excluded.answered,
            certificate = excluded.certificate, gone = false, detail = excluded.detail
            WHERE endpoint.last <= excluded.last;
    SELECT id INTO place FROM endpoint WHERE vantage = at_vantage AND key = r->>'key';
    SELECT id INTO latest FROM run WHERE endpoint = place AND first <= at
        ORDER BY first DESC, id DESC LIMIT 1;
    UPDATE run SET last = greatest(last, at), audits = audits + 1
        WHERE id = latest AND verdict = r->>'verdict' AND cause = r->>'cause';
    IF NOT FOUND THEN
        INSERT INTO run (endpoint, verdict, cause, first, last)
            VALUES (place, r->>'verdict', r->>'cause', at, at);
    END IF;
END $$;

-- One finding: a sighting of the incident that is open, or that it opens. Who opens one has the
-- other vantages look at once, and its alert waits for them, a minute at most.
CREATE FUNCTION sight(at_vantage text, the_target bigint, target_name text, f jsonb, sinks text[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    about text;
    is_new boolean;
    others bigint;
BEGIN
    INSERT INTO incident (id, kind, key, fold, severity, body)
        VALUES (substr(md5(gen_random_uuid()::text), 1, 16), f->>'kind', f->>'key', f->>'fold',
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

-- The results of a batch of a worker's claims: all of it, or nothing. A batch that was taken is
-- not taken again. Of a turn whose claim is not this worker's any more the results are not taken,
-- nor what is over there; what was found is: whoever has the claim now may not see it. `batch` is
-- [{"id", "epoch", "name", "age": seconds ago, "through", "results": [...], "findings": [...],
-- "over": [{"kind", "key"}]}]; without an epoch it comes from a time without this database.
CREATE FUNCTION record(me text, at_vantage text, number bigint, batch jsonb, sinks text[])
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    t record;
    at timestamptz;
    taken bigint := 0;
BEGIN
    INSERT INTO worker (id, vantage) VALUES (me, at_vantage) ON CONFLICT DO NOTHING;
    UPDATE worker SET handed = number, last_seen = now() WHERE id = me AND handed < number;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    FOR t IN SELECT x.*, target.interval_seconds FROM jsonb_to_recordset(batch) AS x(id bigint,
        epoch bigint, name text, age double precision, through boolean, results jsonb,
        findings jsonb, "over" jsonb) JOIN target ON target.id = x.id ORDER BY x.id
    LOOP
        UPDATE turn SET due = now() + make_interval(secs => t.interval_seconds
                * (0.9 + 0.1 * random())), leased_until = NULL, worker = NULL, confirm = false,
                asked = now()
            WHERE target = t.id AND vantage = at_vantage AND epoch = t.epoch AND worker = me;
        IF NOT FOUND AND t.epoch IS NOT NULL THEN
            PERFORM sight(at_vantage, t.id, t.name, f, sinks)
                FROM jsonb_array_elements(t.findings) AS f ORDER BY f->>'kind', f->>'key';
            CONTINUE;
        END IF;
        at := now() - make_interval(secs => t.age);
        PERFORM keep(at_vantage, t.name, r, at) FROM jsonb_array_elements(t.results) AS r;
        IF t.through THEN
            UPDATE endpoint SET gone = true WHERE target = t.name AND vantage = at_vantage
                AND last < at AND NOT gone;
        END IF;
        PERFORM sight(at_vantage, t.id, t.name, f, sinks)
            FROM jsonb_array_elements(t.findings) AS f ORDER BY f->>'kind', f->>'key';
        UPDATE sighting SET gone = now() FROM incident, jsonb_array_elements(t."over") AS o
            WHERE sighting.incident = incident.id AND sighting.vantage = at_vantage
            AND sighting.gone IS NULL AND sighting.given_up IS NULL AND incident.ended IS NULL
            AND incident.kind = o->>'kind' AND incident.key = o->>'key';
        UPDATE outbox SET ready = now() FROM sighting WHERE outbox.sent IS NULL
            AND outbox.ready > now() AND sighting.incident = outbox.incident
            AND sighting.target = t.name AND NOT EXISTS (SELECT FROM turn
                JOIN vantage ON vantage.name = turn.vantage
                WHERE turn.target = t.id AND turn.confirm AND vantage.retired IS NULL
                AND vantage.last_seen > now() - interval '5 minutes');
        taken := taken + 1;
    END LOOP;
    PERFORM settle(sinks);
    RETURN taken;
END $$;

-- Reminders of what lasts, and the end of what is old.
CREATE FUNCTION tick(remind integer, history integer, sinks text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    one record;
BEGIN
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
END $$;

-- Announcements for these sinks, leased to this worker. One of an incident is sent after those
-- that were made before it.
CREATE FUNCTION outbox_take(me text, sinks text[], most integer)
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
    SELECT taken.id, taken.sink, taken.state, i.id, i.kind, i.key, i.fold, i.severity, i.body,
        i.count, extract(epoch FROM i.opened)::bigint, extract(epoch FROM i.last_seen)::bigint,
        (SELECT coalesce(string_agg(s.vantage, ', ' ORDER BY s.vantage), '') FROM sighting AS s
            WHERE s.incident = i.id AND (s.gone IS NULL AND s.given_up IS NULL OR taken.state = 'resolved')),
        (SELECT count(*) FROM sighting AS s
            WHERE s.incident = i.id AND (s.gone IS NULL AND s.given_up IS NULL OR taken.state = 'resolved')),
        (SELECT count(*) FROM vantage WHERE retired IS NULL), taken.tries
    FROM taken JOIN incident AS i ON i.id = taken.incident ORDER BY taken.id
$$;

-- A sink took it; or it is tried again, ever later.
CREATE FUNCTION outbox_done(me text, number bigint, was_taken boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
    UPDATE outbox SET sent = CASE WHEN was_taken THEN now() END, leased_until = NULL,
        ready = CASE WHEN was_taken THEN ready
            ELSE now() + make_interval(secs => least(300, 5 * tries)) END
    WHERE id = number AND worker = me AND sent IS NULL
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA relaywarden FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hello, claim, record, tick, outbox_take, outbox_done
    TO relaywarden_worker;
