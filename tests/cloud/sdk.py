# SPDX-License-Identifier: Apache-2.0
"""The vendors' own SDKs against the stand-ins, then tdmqctl, each request of which the SDK signs again. Prints TAP.

    sdk.py TDMQCTL FILE: the program, and metadata to import

That the SDKs are content shows that the stand-ins speak as the services do. That the SDK makes the same signature of what
tdmqctl sent, for the same instant and nonce, shows that the services will be content with us.
"""
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qsl, unquote

import standin
import standin_tencent

TDMQCTL, METADATA = sys.argv[1:3]


class Server:
    """A stand-in in this process that keeps what it was asked."""

    def __init__(self, cloud):
        self.cloud, self.asked = cloud, []
        handler = type("Handler", (standin.Handler,), {"cloud": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.host = f"127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def reply(self, rq):
        self.asked.append(rq)
        return self.cloud.reply(rq)


def check(name, good, why=""):
    print(f"{'ok' if good else 'not ok'} {name}")
    if not good:
        print(f"# {why}")


def tdmqctl(server, *args, **keys):
    """What it asks the server, as the server got it."""
    server.asked.clear()
    env = {**os.environ, **keys, "HOME": server.cloud.folder, "XDG_STATE_HOME": server.cloud.folder}
    env.pop("http_proxy", None)
    done = subprocess.run([TDMQCTL, "migrate", *args, "--endpoint", "http://" + server.host, "--rate", "500"],
                          capture_output=True, text=True, env=env, check=False)
    check(f"tdmqctl migrate {' '.join(args[:2])}: goes through", done.returncode == 0, done.stderr.replace("\n", " "))
    return server.asked


def same(name, asked, resign):
    wrong = ""
    for rq in asked:
        ours, theirs = resign(rq)
        if ours != theirs:
            wrong = f"{rq.method} {rq.path}?{rq.query}: {ours} is not {theirs}"
    check(f"{name} makes the same signatures of {len(asked)} requests of tdmqctl", asked and not wrong, wrong)


def authorization(rq):
    return rq.headers["Authorization"]


def signed_headers(rq):
    names = authorization(rq).split("SignedHeaders=")[1].split(",")[0].split(";")
    return {n: rq.headers[n] for n in names}


# ---- Huawei Cloud


def resign_huawei(rq):
    from huaweicloudsdkcore.auth.credentials import BasicCredentials
    from huaweicloudsdkcore.sdk_request import SdkRequest
    from huaweicloudsdkcore.signer.signer import Signer

    headers = {"X-Sdk-Date" if n == "x-sdk-date" else n: v for n, v in signed_headers(rq).items()}
    mine = Signer(BasicCredentials(standin.ID, standin.SECRET, standin.PROJECT)).sign(SdkRequest(
        method=rq.method, schema="http", host=rq.headers["Host"], resource_path=unquote(rq.path),
        query_params=parse_qsl(rq.query), header_params=headers, body=rq.body.decode()))
    return authorization(rq), mine.header_params["Authorization"]


def huawei(folder):
    from huaweicloudsdkcore.auth.credentials import BasicCredentials
    from huaweicloudsdkrocketmq.v2 import (ListBrokersRequest, ListConsumerGroupOfTopicRequest,
                                           ListInstanceConsumerGroupsRequest, ListInstancesRequest,
                                           ListRocketInstanceTopicsRequest, RocketMQClient, ShowInstanceRequest)

    server = Server(standin.Huawei(folder))
    client = RocketMQClient.new_builder().with_endpoint("http://" + server.host).with_credentials(
        BasicCredentials(standin.ID, standin.SECRET, standin.PROJECT)).build()
    check("huaweicloudsdkrocketmq: instances",
          client.list_instances(ListInstancesRequest(engine="reliability")).instances[0].instance_id == standin.INSTANCE)
    about = client.show_instance(ShowInstanceRequest(instance_id=standin.INSTANCE))
    check("huaweicloudsdkrocketmq: an instance", about.status == "RUNNING", about)
    found = client.list_brokers(ListBrokersRequest(instance_id=standin.INSTANCE)).brokers
    check("huaweicloudsdkrocketmq: brokers", len(found) == 2, found)
    topics = []
    for offset in (0, 50, 100):
        page = client.list_rocket_instance_topics(
            ListRocketInstanceTopicsRequest(instance_id=standin.INSTANCE, limit=50, offset=offset))
        topics += [(t.name, t.total_write_queue_num, t.message_type) for t in page.topics]
    check("huaweicloudsdkrocketmq: 120 topics in pages, with queues and types",
          len(set(topics)) == 120 and ("pay-events", 6, "FIFO") in topics and page.next_offset == -1, topics[:3])
    page = client.list_instance_consumer_groups(
        ListInstanceConsumerGroupsRequest(instance_id=standin.INSTANCE, limit=50, offset=0))
    check("huaweicloudsdkrocketmq: groups", page.total == 60 and page.groups[0].retry_max_time == 16, page)
    try:
        client.list_consumer_group_of_topic(
            ListConsumerGroupOfTopicRequest(instance_id=standin.INSTANCE, topic="pay-events"))
    except Exception as e:  # pylint: disable=broad-except
        check("huaweicloudsdkrocketmq: an error has its code", "APIGW.0101" in str(e), e)
    url = "http://" + server.host
    same("huaweicloudsdkcore", tdmqctl(
        server, "export", "huawei", "--region", "cn-east-3", "--iam-endpoint", url, "--instance-id", standin.INSTANCE,
        "--with-policies", "--with-subscriptions", TDMQCTL_HUAWEI_AK=standin.ID, TDMQCTL_HUAWEI_SK=standin.SECRET),
         resign_huawei)


# ---- Alibaba Cloud


def resign_ali(rq):
    from alibabacloud_tea_openapi.utils import Utils

    again = SimpleNamespace(method=rq.method, pathname=rq.path, query=dict(parse_qsl(rq.query)), headers=signed_headers(rq))
    return authorization(rq), Utils.get_authorization(
        again, "ACS3-HMAC-SHA256", rq.headers["x-acs-content-sha256"], standin.ID, standin.SECRET)


def resign_ali_1(rq):
    from alibabacloud_tea_openapi.utils import Utils

    given = dict(parse_qsl(rq.query))
    return given.pop("Signature"), Utils.get_rpcsignature(given, rq.method, standin.SECRET)


def resign_ali_1_older(rq):
    from aliyunsdkcore.auth.composer import rpc_signature_composer as composer
    from aliyunsdkcore.auth.algorithm import sha_hmac1

    given = dict(parse_qsl(rq.query))
    ours = given.pop("Signature")
    text = getattr(composer, "__compose_string_to_sign")(rq.method, given)
    return ours, sha_hmac1.get_sign_string(text, standin.SECRET + "&")


def ask_ons(server, *more):
    return tdmqctl(server, "export", "ons", "--region", "cn-hangzhou", "--instance-id", standin.ONS_ID,
                   "--with-subscriptions", *more, TDMQCTL_ALI_ID=standin.ID, TDMQCTL_ALI_SECRET=standin.SECRET)


def ons(folder):
    from alibabacloud_ons20190214 import models
    from alibabacloud_ons20190214.client import Client
    from alibabacloud_tea_openapi.models import Config

    server = Server(standin.Ons(folder))
    client = Client(Config(access_key_id=standin.ID, access_key_secret=standin.SECRET, endpoint=server.host,
                           region_id="cn-hangzhou", protocol="http"))
    found = client.ons_instance_in_service_list(models.OnsInstanceInServiceListRequest(need_resource_info=True))
    check("alibabacloud_ons20190214: instances with counts", found.body.data.instance_vo[0].topic_count == 120, found)
    base = client.ons_instance_base_info(models.OnsInstanceBaseInfoRequest(instance_id=standin.ONS_ID))
    check("alibabacloud_ons20190214: an instance", base.body.instance_base_info.instance_name == "shop", base)
    topics = client.ons_topic_list(models.OnsTopicListRequest(instance_id=standin.ONS_ID)).body.data.publish_info_do
    check("alibabacloud_ons20190214: 120 topics with types",
          len(topics) == 120 and topics[1].message_type == 1 and topics[1].independent_naming, topics[:1])
    groups = client.ons_group_list(models.OnsGroupListRequest(instance_id=standin.ONS_ID, group_type="http"))
    check("alibabacloud_ons20190214: groups of one kind", len(groups.body.data.subscribe_info_do) == 5, groups)
    try:
        client.ons_topic_list(models.OnsTopicListRequest(instance_id="MQ_INST_none"))
    except Exception as e:  # pylint: disable=broad-except
        check("alibabacloud_ons20190214: an error has its code", "INSTANCE_NOT_FOUND" in str(e), e)
    same("alibabacloud_tea_openapi, version 3,", ask_ons(server), resign_ali)


def ons_1(folder):
    import json

    from aliyunsdkcore.client import AcsClient
    from aliyunsdkcore.request import CommonRequest

    server = Server(standin.Ons(folder))
    client = AcsClient(standin.ID, standin.SECRET, "cn-hangzhou")
    for method in ("GET", "POST"):
        rq = CommonRequest(domain=server.host, version="2019-02-14", action_name="OnsTopicList")
        rq.set_method(method)
        rq.set_protocol_type("http")
        rq.add_query_param("InstanceId", standin.ONS_ID)
        rq.add_query_param("Topic", "a b*c~d/\u00e4")
        found = json.loads(client.do_action_with_exception(rq))
        check(f"aliyun-python-sdk-core: 120 topics by {method}", len(found["Data"]["PublishInfoDo"]) == 120)
    asked = list(ask_ons(server, "--ali-signature", "1"))
    same("aliyun-python-sdk-core", asked, resign_ali_1_older)
    same("alibabacloud_tea_openapi, version 1,", asked, resign_ali_1)


# ---- Tencent Cloud


def resign_tencent(rq):
    from tencentcloud.common import credential
    from tencentcloud.tdmq.v20200217 import tdmq_client

    client = tdmq_client.TdmqClient(credential.Credential(standin.ID, standin.SECRET), "ap-guangzhou")
    date = time.strftime("%Y-%m-%d", time.gmtime(int(rq.headers["X-TC-Timestamp"])))
    again = SimpleNamespace(method=rq.method, uri=rq.path, data=rq.body, header=rq.headers)
    signature = client._get_tc3_signature({}, again, date, "tdmq", standin.SECRET)  # pylint: disable=protected-access
    return authorization(rq), (f"TC3-HMAC-SHA256 Credential={standin.ID}/{date}/tdmq/tc3_request, "
                               f"SignedHeaders=content-type;host, Signature={signature}")


def tencent(folder):
    from tencentcloud.common import credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.tdmq.v20200217 import models, tdmq_client

    make = standin_tencent.make(standin.Cloud, standin.Refused, standin.ID, standin.SECRET)
    server = Server(make(folder))
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=server.host))
    client = tdmq_client.TdmqClient(credential.Credential(standin.ID, standin.SECRET), "ap-guangzhou", profile)

    def ask(action, **given):
        rq = getattr(models, action + "Request")()
        rq._deserialize({"ClusterId": standin_tencent.CLUSTER, **given})  # pylint: disable=protected-access
        return getattr(client, action)(rq)

    about = ask("DescribeRocketMQCluster")
    check("tencentcloud-sdk-python-tdmq: a cluster with quotas",
          about.ClusterInfo.ClusterName == "shop" and about.ClusterConfig.MaxTopicNum == 150)
    ask("CreateRocketMQNamespace", NamespaceId="sdk", Remark="\u5546\u5e97")
    ask("CreateRocketMQTopicV2", Namespace="sdk", Topic="orders", Type="PartitionedOrder", PartitionNum=8)
    ask("CreateRocketMQGroupV2", Namespace="sdk", GroupId="GID-orders", ReadEnable=True, BroadcastEnable=False,
        RetryMaxTimes=5)
    topics = ask("DescribeRocketMQTopics", NamespaceId="sdk", Offset=0, Limit=20, FilterName="orders")
    check("tencentcloud-sdk-python-tdmq: a topic is made and found",
          [(t.Name, t.Type, t.PartitionNum) for t in topics.Topics] == [("orders", "PartitionedOrder", 8)])
    groups = ask("DescribeRocketMQGroups", NamespaceId="sdk", Offset=0, Limit=100, FilterOneGroup="GID-orders")
    check("tencentcloud-sdk-python-tdmq: a group is made and found",
          [(g.Name, g.RetryMaxTimes, g.BroadcastEnabled) for g in groups.Groups] == [("GID-orders", 5, False)])
    try:
        ask("CreateRocketMQTopicV2", Namespace="sdk", Topic="orders", Type="Normal", PartitionNum=8)
    except Exception as e:  # pylint: disable=broad-except
        check("tencentcloud-sdk-python-tdmq: an error has its code", getattr(e, "code", "") == "ResourceInUse", e)
    same("tencentcloud-sdk-python-common", tdmqctl(
        server, "run", METADATA, "--to", "tencent", "--cluster-id", standin_tencent.CLUSTER, "--region", "ap-guangzhou",
        "-s", "127.0.0.1:1", TDMQCTL_TENCENT_ID=standin.ID, TDMQCTL_TENCENT_KEY=standin.SECRET), resign_tencent)


for part in (huawei, ons, ons_1, tencent):
    with tempfile.TemporaryDirectory() as where:
        try:
            part(where)
        except Exception as error:  # pylint: disable=broad-except
            check(f"{part.__name__}: goes through", False, f"{type(error).__name__}: {error}".replace("\n", " ")[:500])
