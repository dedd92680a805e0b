-- Step 3: a vantage that is silent is an incident. It is the database that sees it; a vantage of
-- this name there cannot be.

CREATE FUNCTION hear(sinks text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = relaywarden, pg_temp AS $$
DECLARE
    one record;
    about text;
BEGIN
    UPDATE sighting SET gone = now() FROM incident JOIN vantage ON vantage.name = incident.key
        WHERE sighting.incident = incident.id AND sighting.gone IS NULL
        AND incident.kind = 'vantage-silent' AND incident.ended IS NULL
        AND (vantage.retired IS NOT NULL OR vantage.last_seen > now() - interval '5 minutes');
    FOR one IN SELECT name FROM vantage WHERE retired IS NULL
        AND coalesce(last_seen, first_seen) < now() - interval '5 minutes' ORDER BY name
    LOOP
        INSERT INTO incident (id, kind, key, severity, body)
            VALUES (substr(md5(gen_random_uuid()::text), 1, 16), 'vantage-silent', one.name,
                'warning', jsonb_build_object('why', 'no worker of vantage ' || one.name
                    || ' has spoken to the database for 5 minutes: nothing is asked from there',
                    'fix', jsonb_build_array(jsonb_build_object('mta', NULL, 'text',
                        'Start a worker there, or give the vantage up: relaywarden-probe fleet retire '
                        || one.name)),
                    'fields', jsonb_build_array(jsonb_build_array('vantage', 5, one.name)))::text)
            ON CONFLICT (kind, key) WHERE ended IS NULL DO NOTHING RETURNING id INTO about;
        IF FOUND THEN
            INSERT INTO sighting (incident, vantage) VALUES (about, 'the database');
            PERFORM announce(about, 'opened', sinks, now());
        END IF;
    END LOOP;
END $$;

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
END $$;

REVOKE ALL ON FUNCTION hear FROM PUBLIC;
