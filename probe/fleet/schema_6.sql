-- Step 6: a batch that was told while the database was away ends no incident without a word.

-- The results of a batch of a worker's claims: all of it, or nothing. A batch that was taken is
-- not taken again. Of a turn whose claim is not this worker's any more the results are not taken,
-- nor what is over there; what was found is: whoever has the claim now may not see it. `batch` is
-- [{"id", "epoch", "name", "age": seconds ago, "through", "results": [...], "findings": [...],
-- "over": [{"kind", "key"}]}]; without an epoch it comes from a time without this database.
-- A batch that names no sinks was told by its worker, and ends nothing: of what another vantage saw
-- gone the sinks have to hear. The next `tick`, or batch that names some, ends that.
CREATE OR REPLACE FUNCTION record(me text, at_vantage text, number bigint, batch jsonb, sinks text[])
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
    IF sinks <> '{}' THEN
        PERFORM settle(sinks);
    END IF;
    RETURN taken;
END $$;
