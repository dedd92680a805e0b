#!/bin/sh
# For Mail-in-a-Box, iRedMail, Modoboa, and any other Postfix on the host itself: puts the filter in front of those
# that are there. Install it as /etc/cron.daily/relaywarden-attach: an upgrade that writes smtpd_milters anew, as that
# of Mail-in-a-Box does, is made good within a day, and where nothing is to be done nothing is. The filter may be
# attached in another way, too: by its absolute path, or by TCP on the port that its configuration names.
set -eu
ours='{ unix:relaywarden/milter.sock, default_action=accept, connect_timeout=2s, command_timeout=2s, content_timeout=2s }'
conf=/etc/relaywarden/relaywarden.conf
# Where relaywarden was removed, there is no folder for its socket.
[ -d "$(postconf -xh queue_directory)/relaywarden" ] || exit 0

port=
[ ! -r "$conf" ] || port=$(sed -n 's/^[^#]*socket[[:space:]]*=[[:space:]]*"*inet6*:\([0-9]*\)@.*/\1/p' "$conf" | head -n 1)
entry=$(postconf -xh smtpd_milters | grep -oE '\{[^}]*\}|[^ ,{}]+' |
    grep -E "relaywarden/milter\.sock|inet:[^ ,}]*:${port:-8895}([ ,}]|\$)" | head -n 1) || true
if [ -n "$entry" ]; then
    case $(printf %s "$entry" | tr -d ' ') in
    *default_action=accept*) exit 0 ;;
    *default_action=*) ;;
    *) [ "$(postconf -xh milter_default_action)" != accept ] || exit 0 ;;
    esac
    echo "relaywarden-attach: our filter stands in smtpd_milters as $entry, without default_action=accept: Postfix defers" \
        "or refuses all mail while the filter is down; write $ours in its place, and run postfix reload" >&2
    exit 1
fi

theirs=$(postconf -h smtpd_milters)
postconf -e "smtpd_milters = $ours${theirs:+, $theirs}"
# A Postfix that does not run reads it when it starts.
if postfix status > /dev/null 2>&1 && ! postfix reload; then
    postconf -e "smtpd_milters = $theirs"
    echo "relaywarden-attach: postfix reload failed, so smtpd_milters is again as it was; mend that (postfix check)," \
        "and run this again" >&2
    exit 1
fi
