# SPDX-License-Identifier: Apache-2.0
"""TDMQ for RocketMQ of Tencent Cloud, as far as the importer uses it; state lives as long as the process, DIR/state shows it.

More that may go wrong (standin.py): blind: lists without a filter show nothing; used [NAMESPACE, TOPIC]: has a message.
"""
import json
import os

import verify

CLUSTER = "rocketmq-exampleid1"
CREATED = 1714550400000


def make(base, refused, key, secret):
    class Tencent(base):
        throttled = (200, "RequestLimitExceeded", "The number of requests exceeds the frequency limit.")
        internal = (200, "InternalError", "An internal error occurred.")
        forbidden = (200, "UnauthorizedOperation", "You are not authorized to perform operation.")

        def __init__(self, folder):
            super().__init__(folder)
            self.spaces, self.topics, self.groups = {}, {}, {}

        def check(self, rq, now):
            return verify.tencent(rq, {key: secret}, now)

        def reply(self, rq):
            status, body, now, faults = super().reply(rq)
            with open(os.path.join(self.folder, "state"), "w", encoding="utf-8") as f:
                state = {f"{s}%{n}": [t["Type"], t["PartitionNum"]] for (s, n), t in self.topics.items()}
                json.dump({**state, **{name: True for name in self.spaces}}, f)
            return status, {"Response": {**body, "RequestId": "6c1a0000-0000-4000-8000-0000000000e1"}}, now, faults

        def error(self, e):
            return {"Error": {"Code": e.code, "Message": e.text}}

        def part(self, rq):
            return rq.headers.get("X-TC-Action", "?")

        def answer(self, part, rq):
            if rq.headers.get("X-TC-Version") != "2020-02-17" or not rq.headers.get("X-TC-Region"):
                raise refused(200, "InvalidParameterValue", "The version or region is not there.")
            given = json.loads(rq.body)
            method = getattr(self, part, None)
            if not part[0].isupper() or not method:
                raise refused(200, "InvalidAction", "The action is not found.")
            if part not in ("DescribeRocketMQClusters", "DescribeRocketMQVipInstances") and given.get("ClusterId") != CLUSTER:
                raise refused(200, "ResourceNotFound.Cluster", "The cluster does not exist.")
            return method(given)

        def page(self, given, key, entries):
            offset, limit = given["Offset"], given["Limit"]
            if not 0 < limit <= 100:
                raise refused(200, "InvalidParameter", "Limit is out of range.")
            if self.faults().get("blind") and not any(k.startswith("Filter") for k in given) and key != "Namespaces":
                entries = []
            return {key: entries[offset:offset + limit], "TotalCount": len(entries)}

        def config(self):
            return {"MaxNamespaceNum": 10, "UsedNamespaceNum": len(self.spaces), "MaxTopicNum": 150,
                    "UsedTopicNum": len(self.topics), "MaxGroupNum": 1500, "UsedGroupNum": len(self.groups),
                    "MaxRetentionTime": 259200000, "MaxLatencyTime": 3456000000, "MaxQueuesPerTopic": 16,
                    "TopicDistribution": []}

        def about(self):
            return {"ClusterId": CLUSTER, "ClusterName": "shop", "Region": "ap-guangzhou", "CreateTime": CREATED,
                    "Remark": "", "IsVip": False, "Status": 1, "InstanceStatus": 1, "SupportMigration": True}

        def DescribeRocketMQClusters(self, given):
            entry = {"Info": self.about(), "Config": self.config(), "Status": 1}
            wanted = given.get("ClusterIdList") or [CLUSTER]
            return self.page(given, "ClusterList", [entry] if CLUSTER in wanted else [])

        def DescribeRocketMQCluster(self, _given):
            stats = {"TopicNum": len(self.topics), "ProducedMsgNum": 0, "ConsumedMsgNum": 0, "AccumulativeMsgNum": 0}
            return {"ClusterInfo": self.about(), "ClusterConfig": self.config(), "ClusterStats": stats}

        def DescribeRocketMQNamespaces(self, given):
            return self.page(given, "Namespaces", list(self.spaces.values()))

        def CreateRocketMQNamespace(self, given):
            name = given["NamespaceId"]
            if name in self.spaces:
                raise refused(200, "ResourceInUse", "The resource is in use.")
            if len(self.spaces) == 10:
                raise refused(200, "LimitExceeded", "The number of namespaces exceeds the limit.")
            self.spaces[name] = {"NamespaceId": name, "Ttl": 0, "RetentionTime": 259200000,
                                 "Remark": given.get("Remark", "")}
            return {}

        def need_space(self, name):
            if name not in self.spaces:
                raise refused(200, "ResourceNotFound.Namespace", "The namespace does not exist.")

        def CreateRocketMQTopicV2(self, given):
            space, name = given["Namespace"], given["Topic"]
            self.need_space(space)
            if given["Type"] not in ("Normal", "GlobalOrder", "PartitionedOrder", "DelayScheduled", "Transaction"):
                raise refused(200, "InvalidParameter", "Type is not valid.")
            if not 3 <= given.get("PartitionNum", 3) <= 16 and given["Type"] != "GlobalOrder":
                raise refused(200, "InvalidParameter.Partition", "The number of partitions is out of range.")
            if (space, name) in self.topics:
                raise refused(200, "ResourceInUse", "The resource is in use.")
            if len(self.topics) == 150:
                raise refused(200, "LimitExceeded", "The number of topics exceeds the limit.")
            self.topics[space, name] = {
                "Name": name, "Type": given["Type"], "PartitionNum": given.get("PartitionNum", 1), "GroupNum": 0,
                "Remark": given.get("Remark", ""), "CreateTime": CREATED, "UpdateTime": CREATED, "Namespace": space,
                "InstanceId": CLUSTER}
            return {}

        def CreateRocketMQTopic(self, given):
            return self.CreateRocketMQTopicV2({**given, "Namespace": given["Namespaces"][0]})

        def ModifyRocketMQTopic(self, given):
            topic = self.topics.get((given["NamespaceId"], given["Topic"]))
            if not topic:
                raise refused(200, "ResourceNotFound", "The topic does not exist.")
            if given.get("PartitionNum", topic["PartitionNum"]) < topic["PartitionNum"]:
                raise refused(200, "InvalidParameter.Partition", "The number of partitions can only grow.")
            topic.update(Remark=given["Remark"], PartitionNum=given.get("PartitionNum", topic["PartitionNum"]))
            return {}

        def DescribeRocketMQTopics(self, given):
            self.need_space(given["NamespaceId"])
            found = [t for (s, n), t in self.topics.items()
                     if s == given["NamespaceId"] and given.get("FilterName", "") in n]
            return self.page(given, "Topics", found)

        def DeleteRocketMQTopic(self, given):
            if not self.topics.pop((given["NamespaceId"], given["Topic"]), None):
                raise refused(200, "ResourceNotFound", "The topic does not exist.")
            return {}

        def CreateRocketMQGroupV2(self, given):
            space, name = given["Namespace"], given["GroupId"]
            self.need_space(space)
            if (space, name) in self.groups:
                raise refused(200, "ResourceInUse", "The resource is in use.")
            self.groups[space, name] = {
                "Name": name, "ConsumerNum": 0, "ConsumptionMode": -1, "ReadEnabled": given["ReadEnable"],
                "BroadcastEnabled": given["BroadcastEnable"], "GroupType": given.get("GroupType", "TCP"),
                "RetryPartitionNum": 1, "RetryMaxTimes": given.get("RetryMaxTimes", 16), "Remark": given.get("Remark", ""),
                "CreateTime": CREATED, "UpdateTime": CREATED, "Namespace": space, "InstanceId": CLUSTER}
            return {}

        def CreateRocketMQGroup(self, given):
            return self.CreateRocketMQGroupV2({**given, "Namespace": given["Namespaces"][0]})

        def ModifyRocketMQGroup(self, given):
            group = self.groups.get((given["NamespaceId"], given["GroupId"]))
            if not group:
                raise refused(200, "ResourceNotFound", "The group does not exist.")
            for ours, theirs in (("Remark", "Remark"), ("ReadEnabled", "ReadEnable"),
                                 ("BroadcastEnabled", "BroadcastEnable"), ("RetryMaxTimes", "RetryMaxTimes")):
                group[ours] = given.get(theirs, group[ours])
            return {}

        def DescribeRocketMQGroups(self, given):
            self.need_space(given["NamespaceId"])
            found = [g for (s, n), g in self.groups.items() if s == given["NamespaceId"]
                     and given.get("FilterOneGroup", n) == n and given.get("FilterGroup", "") in n]
            return self.page(given, "Groups", found)

        def DeleteRocketMQGroup(self, given):
            if not self.groups.pop((given["NamespaceId"], given["GroupId"]), None):
                raise refused(200, "ResourceNotFound", "The group does not exist.")
            return {}

        def DescribeRocketMQTopicMsgs(self, given):
            used = self.faults().get("used") == [given["EnvironmentId"], given["TopicName"]]
            return self.page(given, "TopicMsgLogSets", [{"MsgId": "0A0000", "MsgTag": ""}] if used else [])

        def DescribeRocketMQTopicsByGroup(self, given):
            return self.page(given, "Topics", [])

        def DeleteRocketMQNamespace(self, given):
            name = given["NamespaceId"]
            self.need_space(name)
            if any(s == name for s, _ in [*self.topics, *self.groups]):
                raise refused(200, "FailedOperation", "The namespace is not empty.")
            del self.spaces[name]
            return {}

    return Tencent
