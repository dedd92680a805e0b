#!/bin/sh
# Installs those of the named Debian packages that are missing. Nothing that is there is removed or
# upgraded, and no daemon that comes along is started or enabled: the tests run their own.
#
# Installing Postfix would remove any other mail server. Where there is one, Postfix is unpacked
# into build/servers/postfix instead (RELAYWARDEN_SERVERS names another folder than build/servers),
# with the libraries, users and groups that its package would have brought; the lab finds it there.
set -eu

servers=${RELAYWARDEN_SERVERS:-build/servers}

present() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# The installed package that Postfix would replace, if any.
other_mail_server() {
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' |
        awk '$1 == "installed" && $2 != "postfix" && / mail-transport-agent/ { print $2; exit }'
}

missing=
unpack=
for package in "$@"; do
    present "$package" && continue
    if [ "$package" = postfix ] && [ -n "$(other_mail_server)" ]; then
        [ -x "$servers/postfix/usr/sbin/postconf" ] || unpack=yes
    else
        missing="$missing $package"
    fi
done
[ -n "$missing$unpack" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "deps: these packages are missing; run 'sudo make deps':$missing${unpack:+ postfix}" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
made_policy=
staging=
cleanup() {
    [ -z "$made_policy" ] || rm -f "$policy"
    [ -z "$staging" ] || rm -rf "$staging"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    made_policy=yes
fi

install_packages() {
    echo "deps: installing $*"
    apt-get -q -y --no-install-recommends --no-upgrade --no-remove install "$@"
}

system_group() { getent group "$1" >/dev/null || groupadd --system "$1"; }

unpack_postfix() {
    echo "deps: $(other_mail_server) is installed; unpacking postfix into $servers"
    mkdir -p "$servers"
    staging=$(mktemp -d "$servers/staging.XXXXXX")
    (cd "$staging" && apt-get -q download postfix)
    dpkg -x "$staging"/postfix_*.deb "$staging/postfix"
    # The first alternative of each dependency that is a library; netbase has the names of ports.
    libraries=$(dpkg-deb -f "$staging"/postfix_*.deb Pre-Depends Depends |
        sed 's/^[A-Za-z-]*: //' | tr ',' '\n' | awk '$1 ~ /^lib/ { print $1 }')
    needed=
    for package in $libraries netbase; do
        present "$package" || needed="$needed $package"
    done
    # shellcheck disable=SC2086
    [ -z "$needed" ] || install_packages $needed
    system_group postfix
    system_group postdrop
    getent passwd postfix >/dev/null || useradd --system --gid postfix --no-create-home \
        --home-dir /var/spool/postfix --shell /usr/sbin/nologin postfix
    chmod 755 "$staging" "$staging/postfix"
    rm -rf "$servers/postfix"
    mv "$staging/postfix" "$servers/postfix"
}

apt-get -q update
if [ -n "$missing" ]; then
    # Postfix without a main.cf: its binaries are wanted, a running mail server is not. A machine
    # without debconf's tools asks nothing either.
    if command -v debconf-set-selections >/dev/null; then
        echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    fi
    # shellcheck disable=SC2086
    install_packages $missing
fi
[ -z "$unpack" ] || unpack_postfix

if command -v systemctl >/dev/null; then
    for package in $missing; do
        case $package in
        nsd | rsyslog | postfix) systemctl --quiet disable "$package.service" || true ;;
        sasl2-bin) systemctl --quiet disable saslauthd.service || true ;;
        esac
    done
fi
