# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
# To be sourced: which Debian packages are needed for what, and how the missing ones are installed.

BUILD_PACKAGES="cmake ninja-build gcc libc6-dev pkg-config libevent-dev liblua5.4-dev libssl-dev node-llhttp libxxhash-dev
    libc-ares-dev libidn2-dev libjansson-dev libhiredis-dev"
DEMO_PACKAGES="python3 openssl curl"
TEST_PACKAGES="libcmocka-dev clang clang-format-14 libclang-rt-14-dev python3 openssl curl wget git procps nginx varnish haproxy
    wrk chromium libnss3-tools nodejs npm dovecot-imapd postfix gnutls-bin graphviz prometheus python3-jsonschema python3-junitparser
    python3-prometheus-client python3-cryptography-vectors bsdutils valgrind strace redis-server iproute2"
BENCH_PACKAGES="nginx haproxy varnish hitch wrk python3 openssl curl util-linux valgrind strace"

# What a package is needed for may be there without it (nodejs from elsewhere brings npm, say): asked by command name.
has_command_of() {
    case "$1" in
    nodejs) command -v node >/dev/null ;;
    npm) command -v npm >/dev/null ;;
    *) false ;;
    esac
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] || has_command_of "$1"
}

# install_missing PACKAGE...: says what it installs. Services of new packages are not started: we start our own, with our own files.
install_missing() {
    local missing="" package as_root="" policy=/usr/sbin/policy-rc.d made_policy="" status=0
    for package in "$@"; do
        is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        as_root=$(command -v sudo) || {
            echo "missing packages and neither root nor sudo; install them with: apt-get install$missing" >&2
            return 1
        }
    fi
    echo "installing:$missing"
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && $as_root chmod +x "$policy"
        made_policy=yes
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1 || {
        $as_root apt-get update -qq >/dev/null 2>&1
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null || status=1
    }
    [ -z "$made_policy" ] || $as_root rm -f "$policy"
    [ "$status" = 0 ] || echo "could not install:$missing" >&2
    return "$status"
}
