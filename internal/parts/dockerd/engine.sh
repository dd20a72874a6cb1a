# Runs a Docker Engine of its own until standard input ends, then takes everything away again.
# Standard input is a pipe that the test binary holds: however that one ends, the pipe ends with it.
#
# Arguments: directory (removed at the end), bridge, the bridge's address with its prefix, the block of all the engine's
# addresses, the pool of user-defined networks, dockerd.
set -u
dir=$1 bridge=$2 address=$3 block=$4 pool=$5 dockerd=$6
exec 3<&0 </dev/null

ip link add name "$bridge" type bridge &&
	ip address add "$address" dev "$bridge" &&
	ip link set "$bridge" up || exit 1

# A machine's daemon.json is not ours. Without iptables the engine leaves the machine's firewall alone, and two engines don't
# flush each other's rules; ports are published by docker-proxy.
echo '{}' >"$dir/daemon.json"
"$dockerd" --config-file "$dir/daemon.json" --host "unix://$dir/docker.sock" --data-root "$dir/data" \
	--exec-root "$dir/exec" --pidfile "$dir/docker.pid" --bridge "$bridge" --fixed-cidr "${address%.*}.0/${address#*/}" \
	--default-address-pool "base=$pool,size=27" --iptables=false --ip6tables=false --shutdown-timeout 3 \
	--containerd-namespace "$bridge" --containerd-plugins-namespace "$bridge-plugins" --raw-logs &
engine=$!
{
	read -r _
	kill "$engine"
} <&3 3<&- &
watch=$!
exec 3<&-

wait "$engine"
status=$?
kill "$watch" 2>/dev/null
ip -o -4 address show to "$block" | awk '{ print $2 }' | while read -r link; do ip link delete "$link"; done
awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
rm -rf "$dir"
exit "$status"
