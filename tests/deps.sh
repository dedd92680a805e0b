#!/bin/sh
# Installs those of the named Debian packages that are missing. Nothing that is there is removed or
# upgraded, and no daemon that comes along is started or enabled: the tests run their own.
set -eu

present() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=
for package in "$@"; do
    present "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "deps: these packages are missing; run 'sudo make deps':$missing" >&2
    exit 1
fi

echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
made_policy=
cleanup() { [ -z "$made_policy" ] || rm -f "$policy"; }
trap cleanup EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    made_policy=yes
fi

apt-get -q update
# Postfix without a main.cf: its binaries are wanted, a running mail server is not.
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
# shellcheck disable=SC2086
apt-get -q -y --no-install-recommends --no-upgrade --no-remove install $missing

if command -v systemctl >/dev/null; then
    for package in $missing; do
        case $package in
        nsd | rsyslog | postfix) systemctl --quiet disable "$package.service" || true ;;
        sasl2-bin) systemctl --quiet disable saslauthd.service || true ;;
        esac
    done
fi
