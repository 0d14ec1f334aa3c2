# Runs the job and tells the machine that runs this one what it says and how it ends. Output goes through pipes, so that the job may
# open its /dev/stdout anew.
. /run/vm/guest/common.sh

if [ "$terminal" = 1 ]; then
	$b stty -F /dev/hvc0 rows "$rows" cols "$columns"
	TERM=$term $b setsid -c /bin/bash /run/vm/job < /dev/hvc0 > /dev/hvc0 2>&1
	status=$?
else
	$b mkfifo /run/vm/out /run/vm/err
	$b cat /run/vm/out > "$(port out)" &
	out=$!
	$b cat /run/vm/err > "$(port err)" &
	err=$!
	/bin/bash /run/vm/job > /run/vm/out 2> /run/vm/err < /dev/null
	status=$?
	# A daemon that the job has left may hold the pipes: what else is said within two seconds counts.
	($b sleep 2; kill $out $err) 2> /dev/null &
	late=$!
	wait $out $err
	kill $late 2> /dev/null
fi
echo $status > "$(port status)"
$b sync
exec $b poweroff -f
