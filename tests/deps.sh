#!/bin/sh
# Installs those of the named Debian packages that are missing. Nothing that is there is removed or
# upgraded, and no daemon that comes along is started or enabled: the tests run their own.
#
# Mail servers remove each other when they are installed. Postfix is installed where there is no
# other, else unpacked into build/servers/postfix (RELAYWARDEN_SERVERS names another folder than
# build/servers); its rivals are always unpacked, and so are syslog-ng, rsyslog's, and nginx, which
# would be started for the web. The libraries,
# users and groups that the packages would have brought are made; the lab finds the programs there.
set -eu

servers=${RELAYWARDEN_SERVERS:-build/servers}

present() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Present without its package: Node.js's own packages bring npm, and exclude Debian's.
brought() { [ "$1" = npm ] && command -v npm >/dev/null; }

# The installed package that Postfix would replace, if any.
other_mail_server() {
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' |
        awk '$1 == "installed" && $2 != "postfix" && / mail-transport-agent/ { print $2; exit }'
}

# The packages that make up a server that is unpacked, the one that DEPS names first; nothing for a
# package that is installed.
parts_of() {
    case $1 in
    postfix) [ -z "$(other_mail_server)" ] || echo postfix ;;
    exim4-daemon-heavy) echo exim4-daemon-heavy exim4-base exim4-config ;;
    opensmtpd) echo opensmtpd ;;
    sendmail-bin) echo sendmail-bin sendmail-cf ;;
    syslog-ng-core) echo syslog-ng-core ;;
    nginx) echo nginx libnginx-mod-mail ;;
    esac
}

# The users that a server runs as, each with a group of the same name, and further groups.
users_of() {
    case $1 in
    postfix) echo postfix ;;
    exim4-daemon-heavy) echo Debian-exim ;;
    opensmtpd) echo opensmtpd opensmtpq ;;
    esac
}
groups_of() { [ "$1" != postfix ] || echo postdrop; }

# A package that has a later Debian's name, and is part of another package in this one.
named_here() {
    case $1 in
    systemd-dev) apt-cache show "$1" >/dev/null 2>&1 || { echo systemd; return; } ;;
    esac
    echo "$1"
}

missing=
unpack=
for package in "$@"; do
    package=$(named_here "$package")
    if [ "$package" = postfix ] && present postfix; then
        continue
    elif [ -n "$(parts_of "$package")" ]; then
        [ -e "$servers/$package/.complete" ] || unpack="$unpack $package"
    else
        present "$package" || brought "$package" || missing="$missing $package"
    fi
done
[ -n "$missing$unpack" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "deps: these packages are missing; run 'sudo make deps':$missing$unpack" >&2
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

# The libraries that packages depend on, the first alternative of each; netbase has names of ports.
libraries_of() {
    for file in "$@"; do
        dpkg-deb -f "$file" Pre-Depends Depends
    done | sed 's/^[A-Za-z-]*: //' | tr ',' '\n' | awk '$1 ~ /^lib/ { print $1 }' | sort -u
    echo netbase
}

unpack_server() {
    echo "deps: unpacking $1 into $servers"
    mkdir -p "$servers"
    staging=$(mktemp -d "$servers/staging.XXXXXX")
    # shellcheck disable=SC2046
    (cd "$staging" && apt-get -q download $(parts_of "$1"))
    for file in "$staging"/*.deb; do
        dpkg -x "$file" "$staging/root"
    done
    needed=
    for package in $(libraries_of "$staging"/*.deb); do
        present "$package" || needed="$needed $package"
    done
    # shellcheck disable=SC2086
    [ -z "$needed" ] || install_packages $needed
    for group in $(users_of "$1") $(groups_of "$1"); do
        system_group "$group"
    done
    for user in $(users_of "$1"); do
        getent passwd "$user" >/dev/null || useradd --system --gid "$user" --no-create-home \
            --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
    done
    chmod 755 "$staging/root"
    rm -rf "${servers:?}/$1"
    mv "$staging/root" "$servers/$1"
    : > "$servers/$1/.complete"
    rm -rf "$staging"
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
for package in $unpack; do
    unpack_server "$package"
done

if command -v systemctl >/dev/null; then
    for package in $missing; do
        case $package in
        nsd | rsyslog | postfix | postgrey | prometheus | prometheus-alertmanager | postgresql | pgbouncer)
            systemctl --quiet disable "$package.service" || true
            ;;
        logrotate) systemctl --quiet disable logrotate.timer || true ;;
        sasl2-bin) systemctl --quiet disable saslauthd.service || true ;;
        esac
    done
fi
