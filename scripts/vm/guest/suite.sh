# Runs compiled test files one after the other: suite.sh SECONDS FILE..., in the project's folder. Each is told of in a line before it
# and one after it, with its exit status and how many seconds it took; what is between is TAP. A file may come twice.
limit=$1
shift

# node-tap in one file takes a third of the time to load that its several hundred files do.
mkdir -p build/node_modules/tap
cp build/vm/tap.js build/node_modules/tap/index.js
echo '{ "type": "module", "exports": "./index.js" }' > build/node_modules/tap/package.json

# What the last test compares the guest with.
TSRUN_TEST_BEFORE=$(node build/scripts/note-host.js)
export TSRUN_TEST_BEFORE

run() {
	echo "@@ begin $1"
	read -r start rest < /proc/uptime
	timeout -k 10 "$limit" node "$1" 2>&1
	status=$?
	read -r end rest < /proc/uptime
	echo "@@ end $status $((${end%.*} - ${start%.*}))"
}

# What a failed attempt left is not held against the second one, nor against the test of what all the others left.
tidy() {
	for left in "${TMPDIR:-/tmp}"/tsrun-test-*; do
		[ -d "$left" ] || continue
		awk -v top="$left/" 'index($2, top) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
		rm -rf --one-file-system "$left"
	done
}

# An emulated processor may be held up for seconds: what fails is tried once more, unless it took all its time.
for file; do
	run "$file"
	[ "$status" = 0 ] || [ "$status" = 124 ] || {
		tidy
		run "$file"
	}
done
