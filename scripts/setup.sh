#!/bin/sh
# Installs the Debian packages that Mynah needs and that are missing; does nothing where none is.
#   scripts/setup.sh run    what building and running need
#   scripts/setup.sh test   what the tests need beside that
# It asks nothing, except that sudo asks a person at a terminal for a password where it wants one. All output goes to
# standard error: standard output belongs to the program that is started afterwards.
set -u
exec >&2

say() { printf 'setup: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

case "${1:-run}" in
run | test) ;;
*)
	say "usage: $0 [run|test]"
	exit 2
	;;
esac

# look sets needed and wanted to the packages that are missing: without the needed ones nothing works, without the
# wanted ones Mynah speaks with its simpler voice and does not know what a question means.
look() {
	needed='' wanted=''
	have gcc || needed="$needed gcc"
	if ! have gcc || ! printf '#include <stdlib.h>\n' | gcc -E -x c - >/dev/null 2>&1; then
		needed="$needed libc6-dev"
	fi
	have pkg-config || needed="$needed pkg-config"
	have pkg-config && pkg-config --exists opus || needed="$needed libopus-dev"
	have pkg-config && pkg-config --exists opusfile || needed="$needed libopusfile-dev"
	have ffmpeg && have ffprobe || needed="$needed ffmpeg"
	have espeak-ng || needed="$needed espeak-ng"
	have pdftotext || needed="$needed poppler-utils"
	[ -e "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] ||
		needed="$needed ca-certificates"
	# A Node.js from elsewhere will do.
	have node || needed="$needed nodejs"
	have npm || needed="$needed npm"
	have_pip || wanted="$wanted python3-pip"
	if [ "$1" = test ]; then
		have chromium || have chromium-browser || have google-chrome || needed="$needed chromium"
	fi
	needed=${needed# } wanted=${wanted# }
}

# Asking pip itself for its version takes longer than all the rest.
have_pip() {
	have pip3 || have pip ||
		{ have python3 && python3 -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("pip") is None)' 2>/dev/null; }
}

# cannot ends with what a person has to do; where only wanted packages are missing it goes on.
cannot() {
	if [ -z "$needed" ]; then
		say "$1; Mynah works without $wanted, but speaks with its simpler voice, and goes by a question's words instead of its meaning."
		exit 0
	fi
	say "$1. Please install these packages, or what they are called here, and start again:"
	say "  $needed${wanted:+ $wanted}"
	exit 1
}

look "${1:-run}"
missing="$needed${wanted:+ $wanted}"
missing=${missing# }
[ -n "$missing" ] || exit 0

have apt-get || cannot "there is no apt-get on this machine"
if [ "$(id -u)" = 0 ]; then
	as_root=''
elif have sudo && sudo -n true 2>/dev/null; then
	as_root='sudo -n'
elif have sudo && [ -t 0 ]; then
	as_root='sudo'
else
	cannot "installing packages takes root, or a sudo that asks no password"
fi

apt() {
	# shellcheck disable=SC2086 # both are lists of words
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

say "installing $missing"
apt update || say "the package lists could not be brought up to date; going on with those that are there"
# shellcheck disable=SC2086
if ! apt install -y --no-install-recommends $missing; then
	if [ -z "$needed" ] || ! apt install -y --no-install-recommends $needed; then
		cannot "apt-get could not install everything"
	fi
fi

look "${1:-run}"
[ -z "$needed" ] || cannot "apt-get ended without an error, and yet something is missing"
say "done"
