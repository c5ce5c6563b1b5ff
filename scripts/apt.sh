# SPDX-License-Identifier: GPL-2.0
# Sourced by scripts that fetch from a suite that this machine's apt configuration does not have: the mirror that the machine
# already uses, asked through an apt configuration of our own.
# shellcheck shell=bash disable=SC2154

# private_apt FOLDER deb|deb-src SUITE: make the configuration there, and ask for the suite's index.
private_apt()
{
	local apt=$1 uri keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	# shellcheck disable=SC2016 # apt expands it
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v -- -security | head -n 1) || true
	[ -n "$uri" ] || die "no Debian mirror in this machine's apt configuration" "add one, then run again"
	rm -rf "$apt"
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$build/log"
	: > "$apt/status"
	printf '%s [signed-by=%s] %s %s main\n' "$2" "$keyring" "$uri" "$3" > "$apt/sources.list"
	cat > "$apt/apt.conf" <<-EOF
		Dir::Etc::SourceList "$apt/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::State "$apt";
		Dir::State::Lists "$apt/lists";
		Dir::State::Status "$apt/status";
		Dir::Cache "$apt/cache";
		APT::Sandbox::User "root";
		Acquire::Retries "3";
	EOF
	logged "$build/log/apt-$3" "asking the mirror for the index of $3" \
		"check the network and that the mirror carries $3" in_apt "$apt" apt-get update
}

# in_apt FOLDER COMMAND...: with that configuration.
in_apt() { APT_CONFIG=$1/apt.conf "${@:2}"; }
