# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# export: `tdmqctl migrate export apache` from Apache's own brokers: of one master, of two, of two of which one
# hangs or was killed, of one with access control. What it writes holds what mqadmin exportMetadata holds, and can be read again.

part_export() {
	if [ -n "$JAVA_WHY" ]; then
		skip export "$JAVA_WHY"
		return
	fi
	AGAINST='export, one master'
	if apache_pair export; then
		export_objects
		export_like_mqadmin one
		if apache_broker broker-b; then
			export_objects
			AGAINST='export, two masters' export_like_mqadmin two
			export_of_two
			AGAINST='export, one of two hangs' export_one_hangs
			AGAINST='export, one of two killed' export_one_killed
		else
			not_ok "export: the second broker starts" "see $APACHE_DIR"
		fi
	fi
	apache_pair_end
	export_signed
}

export_objects() {
	mqadmin <<-EOF | against "$AGAINST"
		updateTopic -c DefaultCluster -t shop%orders -r 8 -w 8
		+ create topic to
		updateTopic -c DefaultCluster -t shop%trade -r 4 -w 4 -o true
		+ create topic to
		updateTopic -b $APACHE_BROKER -t only-here -r 2 -w 2 -p 4
		+ create topic to
		updateSubGroup -c DefaultCluster -g shop%GID-pay -r 7 -d true
		+ create subscription group to
	EOF
}

# The same names as in mqadmin's file, with the same settings; its file leaves one group of the broker's in, and sums what
# is no number of queues.
export_same() { # MQADMIN'S OURS
	python3 - "$1" "$2" <<-'END'
		import json, sys
		theirs, ours = (json.load(open(f)) for f in sys.argv[1:])
		wrong = []
		for table, leave in (("topicConfigTable", set()), ("subscriptionGroupTable", {"retryQueueNums"})):
		    a, b = theirs[table], ours[table]
		    a.pop("SCHEDULE_CONSUMER", None)
		    wrong += [f"{table}: {n} on one side only" for n in a.keys() ^ b.keys()]
		    for n in a.keys() & b.keys():
		        wrong += [f"{n}: {k}: {a[n][k]} and {b[n].get(k)}" for k in a[n].keys() - leave
		                  if k in b[n] and a[n][k] != b[n][k]]
		        wrong += [f"{n}: no {k}" for k in a[n].keys() - b[n].keys()]
		if wrong or len(theirs["topicConfigTable"]) < 3:
		    sys.exit(str(wrong[:5]))
	END
}

# The items of a plan without a target, one a line.
export_items() { # FILE
	"$BIN/tdmqctl" migrate plan "$1" --offline -o json 2>/dev/null | python3 -c 'import json, sys
for i in json.load(sys.stdin)["items"]:
    if i["kind"] != "namespace" and i["state"] != "skipped":
        print(i["source"], i.get("queues"), i.get("perm"), i.get("retryMax"))' | sort
}

export_like_mqadmin() { # NAME
	local dir=$WORK/export-$1
	mqadmin <<-EOF | against "$AGAINST"
		exportMetadata -c DefaultCluster -f $dir
		+ export .*metadata.json success
	EOF
	ctl 'exports what there is' 'topics and [0-9]+ groups in' migrate export apache -f "$dir/own.json"
	ctl "in mqadmin's format" 'topics and' migrate export apache --format mqadmin -f "$dir/mqadmin.json"
	ctl "in export.sh's format" 'topics and' migrate export apache --format combined -f "$dir/combined.json"
	if export_same "$dir/metadata.json" "$dir/mqadmin.json" 2>"$WORK/out"; then
		ok "$AGAINST: mqadmin exports the same"
	else
		not_ok "$AGAINST: mqadmin exports the same" "$(cat "$WORK/out")"
	fi
	for file in own combined metadata; do
		if diff <(export_items "$dir/mqadmin.json") <(export_items "$dir/$file.json") >"$WORK/out"; then
			ok "$AGAINST: $file.json is read as mqadmin.json is"
		else
			not_ok "$AGAINST: $file.json is read as mqadmin.json is" "$(head -3 "$WORK/out" | tr '\n' ' ')"
		fi
	done
	ctl 'finds all of it there already' ' there already' migrate plan "$dir/own.json" --exit-code
}

export_of_two() {
	AGAINST='export, two masters'
	expect "$AGAINST: order of topics, queues of both, who reads what" "True True 16 True" python3 -c 'import json, sys
a = json.load(open(sys.argv[1]))["apache"]
q = [b["topicConfigTable"]["shop%orders"]["writeQueueNums"] for b in a["brokers"].values()]
print("shop%trade" in a["orderConf"], sorted(a["brokers"]) == ["broker-a", "broker-b"], sum(q),
    all(m["version"].startswith("V4_9") for m in a["masters"]))' "$WORK/export-two/own.json"
	ctl 'has topics of global and partitioned order as fifo' 'shop%trade .*fifo' \
		migrate plan "$WORK/export-two/own.json" --offline -o wide
}

export_one_hangs() {
	kill -STOP "${APACHE_PIDS[-1]}"
	ctl_exit 3 'exports the rest, and says whom it lacks' 'broker broker-b: TARGET_UNAVAILABLE' \
		migrate export apache --timeout 2s -f "$WORK/partial.json"
	expect "$AGAINST: the file says so too" 'broker broker-b, .*broker-a' python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
print(d["incomplete"][0]["what"], list(d["apache"]["brokers"]), sep=", ")' "$WORK/partial.json"
	ctl 'warns whoever plans with it' 'the export lacks broker broker-b' migrate plan "$WORK/partial.json" --offline
}

# A name server forgets at once who is cut off; the order of topics remembers.
export_one_killed() {
	kill -9 "${APACHE_PIDS[-1]}"
	wait "${APACHE_PIDS[-1]}" 2>/dev/null
	wait_for 10 "end of broker-b" no_broker broker-b
	ctl_exit 3 'exports the rest, and says whom it lacks' 'broker broker-b: TARGET_UNAVAILABLE' \
		migrate export apache -f "$WORK/killed.json"
}

# A broker that wants signatures: with the context's credentials, and without.
export_signed() {
	AGAINST='export, access control'
	mkdir -p "$WORK/apache/conf"
	printf '%s\n' accounts: '- accessKey: rocketmq2' '  secretKey: 12345678' '  admin: true' \
		>"$WORK/apache/conf/plain_acl.yml"
	if APACHE_FIGURES=accessKey apache_pair export aclEnable=true; then
		TDMQCTL_ACCESS_KEY=rocketmq2 TDMQCTL_SECRET_KEY=12345678 \
			ctl 'signs' 'topics and' migrate export apache -f "$WORK/signed.json"
		ctl_exit 6 'is refused without a signature' 'accessKey' migrate export apache -f "$WORK/unsigned.json"
		if grep -q 12345678 "$WORK/signed.json"; then
			not_ok "$AGAINST: no secret in the file" "it has it"
		else
			ok "$AGAINST: no secret in the file"
		fi
	fi
	apache_pair_end
}
