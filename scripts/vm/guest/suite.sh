# Runs compiled test files one after the other: suite.sh SECONDS FILE..., in the project's folder. Each is told of in a line before it
# and one after it, with its exit status and how many seconds it took; what is between is TAP.
limit=$1
shift

# node-tap in one file takes a third of the time to load that its several hundred files do.
mkdir -p build/node_modules/tap
cp build/vm/tap.js build/node_modules/tap/index.js
echo '{ "type": "module", "exports": "./index.js" }' > build/node_modules/tap/package.json

# What the last test compares the guest with.
TSRUN_TEST_BEFORE=$(node build/scripts/note-host.js)
export TSRUN_TEST_BEFORE

for file; do
	echo "@@ begin $file"
	read -r start rest < /proc/uptime
	timeout -k 10 "$limit" node "$file" 2>&1
	status=$?
	read -r end rest < /proc/uptime
	echo "@@ end $status $((${end%.*} - ${start%.*}))"
done
