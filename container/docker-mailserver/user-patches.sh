#!/bin/bash
# Add to user-patches.sh in docker-mailserver's folder of configuration. Its start puts the list of
# filters together, so ours is put in front of what is there. 172.17.0.1 is the host on Docker's
# network; a network of your own has another.
ours='{ inet:172.17.0.1:8895, default_action=accept, connect_timeout=2s, command_timeout=2s, content_timeout=2s }'
theirs=$(postconf -h smtpd_milters)
if [[ $theirs != *172.17.0.1:8895* ]]; then
    postconf "smtpd_milters = $ours${theirs:+, $theirs}"
fi
