#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for the APIs of three clouds, on the loopback interface: huawei, ons, tencent.

    standin.py huawei DIR [--cert FILE --key FILE]

Prints "ready URL". What they hold is made up and always the same; every signature is checked (verify.py). DIR/faults,
read with each request, is a JSON object of what shall go wrong:

    throttle N      the next N requests are turned away for their number     fail N    the same, for an internal error
    refuse [PART]   requests for these parts are not permitted               skew S    the service's clock is S seconds off
    break N         from the Nth request on every answer is cut off          redirect  every answer sends elsewhere
    short           lists lack their last entry, the counts do not           hang S    every answer takes S seconds longer
    html            a proxy's page instead of an answer

DIR/log has a line a request: part, status, code.
"""
import json
import os
import ssl
import sys
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qsl, unquote

import verify

ID, SECRET = "AKSTANDIN0001", "canary-of-the-secret-0001"
PROJECT = "0123456789abcdef0123456789abcdef"
INSTANCE = "11111111-2222-3333-4444-555555555555"
ONS_ID = "MQ_INST_1234567890123456_BAexamp1"
CREATED = 1714550400000


class Refused(Exception):
    def __init__(self, status, code, text):
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


class Cloud:
    """One API: who() says which part a request is for, answer() gives the object, error() dresses a refusal."""

    throttled = internal = forbidden = None
    lists = ()

    def __init__(self, folder):
        self.folder, self.seen, self.asked, self.left = folder, set(), 0, {}

    def faults(self):
        try:
            with open(os.path.join(self.folder, "faults"), encoding="utf-8") as f:
                return json.load(f)
        except (OSError, ValueError):
            return {}

    def countdown(self, faults, name):
        """Whether this request is one of the N; a new number starts anew."""
        n, (known, left) = faults.get(name, 0), self.left.get(name, (0, 0))
        if n != known:
            left = n
        self.left[name] = (n, max(left - 1, 0))
        return left > 0

    def reply(self, rq):
        faults = self.faults()
        now = time.time() + faults.get("skew", 0)
        self.asked += 1
        part, status, code = "?", 200, ""
        try:
            part = self.part(rq)
            if self.countdown(faults, "throttle"):
                raise Refused(*self.throttled)
            if self.countdown(faults, "fail"):
                raise Refused(*self.internal)
            wrong = self.check(rq, now)
            if wrong:
                raise Refused(*wrong)
            if part in faults.get("refuse", []):
                raise Refused(*self.forbidden)
            body = self.answer(part, rq)
            if faults.get("short"):
                self.shorten(body)
        except Refused as e:
            status, code, body = e.status, e.code, self.error(e)
        with open(os.path.join(self.folder, "log"), "a", encoding="utf-8") as f:
            f.write(f"{part} {status} {code}\n".rstrip() + "\n")
        return status, body, now, faults

    def shorten(self, body):
        for key in self.lists:
            at = body
            for step in key.split("."):
                at = at.get(step) if isinstance(at, dict) else None
            if at:
                at.pop()


# ---- Huawei Cloud


class Huawei(Cloud):
    throttled = (429, "APIGW.0308", "The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 second")
    internal = (500, "DMS.00500000", "Internal service error.")
    forbidden = (403, "DMS.00403002", "Policy doesn't allow dms:instance:get to be performed.")
    lists = ("topics", "groups")

    def __init__(self, folder):
        super().__init__(folder)
        kinds = ["NORMAL", "FIFO", "DELAY", "TRANSACTION"]
        self.topics = [self.topic(f"shop%orders-{i:03d}", kinds[i % 4]) for i in range(118)]
        self.topics += [self.topic("pay-events", "FIFO"), self.topic("audit", "NORMAL", "sub")]
        self.groups = [
            {"name": f"shop%GID-pay-{i:02d}", "group_desc": "payment workers", "enabled": i != 3, "broadcast": i == 4,
             "brokers": ["broker-0", "broker-1"], "retry_max_time": 16, "consume_orderly": i % 2 == 0,
             "created_at": CREATED, "permissions": []} for i in range(60)]

    @staticmethod
    def topic(name, kind, permission="all"):
        brokers = [{"broker_name": f"broker-{i}", "read_queue_num": 3, "write_queue_num": 3} for i in range(2)]
        return {"name": name, "total_read_queue_num": 6.0, "total_write_queue_num": 6.0, "permission": permission,
                "brokers": brokers, "message_type": kind}

    def check(self, rq, now):
        return verify.huawei(rq, {ID: SECRET}, now)

    def error(self, e):
        return {"error_code": e.code, "error_msg": e.text, "request_id": "a1b2c3d4e5f60718293a4b5c6d7e8f90"}

    def part(self, rq):
        steps = [unquote(s) for s in rq.path.strip("/").split("/")]
        if steps[:2] == ["v3", "projects"]:
            return "projects"
        if steps[0] != "v2" or len(steps) < 3 or steps[2] != "instances":
            raise Refused(404, "APIGW.0101", "The API does not exist or has not been published in the environment")
        if len(steps) == 3:
            return "instances"
        if len(steps) == 4:
            return "instance"
        return "/".join([steps[4]] + steps[6:]) if len(steps) > 5 else steps[4]

    def page(self, rq, key, entries, **more):
        query = dict(parse_qsl(rq.query))
        limit, offset = int(query.get("limit", 10)), int(query.get("offset", 0))
        if not 1 <= limit <= 50:
            raise Refused(400, "DMS.00400004", "Invalid limit.")
        some = entries[offset:offset + limit]
        end = offset + limit
        return {"total": len(entries), "max": 2000, "remaining": 2000 - len(entries),
                "next_offset": end if end < len(entries) else -1, "previous_offset": max(offset - limit, 0) if offset else -1,
                key: some, **more}

    def answer(self, part, rq):
        steps = [unquote(s) for s in rq.path.strip("/").split("/")]
        query = dict(parse_qsl(rq.query))
        if part == "projects":
            found = [{"id": PROJECT, "name": query.get("name"), "enabled": True, "is_domain": False}]
            return {"projects": found if query.get("name") == "cn-east-3" else [], "links": {}}
        if steps[1] != PROJECT or rq.headers.get("X-Project-Id") not in (PROJECT, None):
            raise Refused(400, "DMS.00400002", "The project ID format is invalid.")
        about = {"instance_id": INSTANCE, "name": "pay-mq", "engine": "reliability", "engine_version": "5.x",
                 "type": "cluster.basic", "status": "RUNNING", "specification": "rocketmq.b2.large.4 * 2 broker",
                 "broker_num": 2, "enable_acl": True, "ssl_enable": False, "namesrv_address": "192.168.0.5:8100",
                 "created_at": str(CREATED), "description": ""}
        if part == "instances":
            return {"instances": [about], "instance_num": 1}
        if steps[3] != INSTANCE:
            raise Refused(404, "DMS.00404022", "This instance does not exist.")
        if part == "instance":
            return about
        if part == "brokers":
            return {"brokers": [{"broker_name": f"broker-{i}", "ids": [0, 1]} for i in range(2)]}
        if part == "topics":
            return self.page(rq, "topics", self.topics)
        if part == "groups":
            return self.page(rq, "groups", self.groups)
        if part == "users":
            return self.page(rq, "users", [
                {"access_key": "billing", "secret_key": "canary-of-a-user", "white_remote_address": "", "admin": False,
                 "default_topic_perm": "PUB|SUB", "default_group_perm": "SUB"}])
        if part == "topics/accesspolicy":
            return self.page(rq, "policies", [{"access_key": "billing", "white_remote_address": "", "admin": False,
                                               "perm": "PUB|SUB"}], name=steps[5])
        if part == "groups/topics":
            return self.page(rq, "topics", ["pay-events"])
        raise Refused(404, "APIGW.0101", "The API does not exist or has not been published in the environment")


# ---- Alibaba Cloud


class Ons(Cloud):
    throttled = (400, "Throttling.User", "Request was denied due to user flow control.")
    internal = (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
    forbidden = (403, "Forbidden.RAM", "User not authorized to operate on the specified resource.")
    lists = ("Data.PublishInfoDo",)

    def __init__(self, folder):
        super().__init__(folder)
        own = {"InstanceId": ONS_ID, "IndependentNaming": True, "Owner": "1234567890123456", "CreateTime": CREATED,
               "Tags": {"Tag": []}}
        kinds = [0, 1, 2, 4, 5]
        self.topics = [{"Topic": f"orders-{i:03d}", "MessageType": kinds[i % 5], "Relation": 1, "RelationName": "owner",
                        "Remark": "payments", "ServiceStatus": 0, **own} for i in range(120)]
        self.groups = [{"GroupId": f"GID-pay-{i:02d}", "GroupType": "http" if i >= 45 else "tcp", "Remark": "workers",
                        "UpdateTime": CREATED, **own} for i in range(50)]

    def check(self, rq, now):
        return verify.ali(rq, {ID: SECRET}, now, self.seen)

    def error(self, e):
        return {"RequestId": "A07B41BD-0000-4000-8000-00000000EX01", "HostId": "ons.cn-hangzhou.aliyuncs.com",
                "Code": e.code, "Message": e.text, "Recommend": ""}

    def fields(self, rq):
        form = rq.body.decode() if "form" in rq.headers.get("Content-Type", "") else ""
        return dict(parse_qsl(rq.query) + parse_qsl(form))

    def part(self, rq):
        return rq.headers.get("x-acs-action") or self.fields(rq).get("Action", "?")

    def answer(self, part, rq):
        given = self.fields(rq)
        version = rq.headers.get("x-acs-version") or given.get("Version")
        if version != "2019-02-14":
            raise Refused(404, "InvalidVersion", "Specified parameter Version is not valid.")
        if given.get("InstanceId", ONS_ID) != ONS_ID:
            raise Refused(404, "INSTANCE_NOT_FOUND", "The instance does not exist.")
        head = {"RequestId": "A07B41BD-0000-4000-8000-00000000EX01", "HelpUrl": ""}
        if part == "OnsRegionList":
            names = [("cn-hangzhou", "China (Hangzhou)"), ("ap-southeast-1", "Singapore")]
            return {**head, "Data": {"RegionDo": [{"OnsRegionId": i, "RegionName": n} for i, n in names]}}
        if part == "OnsInstanceInServiceList":
            about = {"InstanceId": ONS_ID, "InstanceName": "shop", "InstanceStatus": 5, "InstanceType": 1,
                     "IndependentNaming": True, "CreateTime": CREATED, "Tags": {"Tag": []}}
            if given.get("NeedResourceInfo", "").lower() == "true":
                about.update(TopicCount=len(self.topics), GroupCount=len(self.groups))
            return {**head, "Data": {"InstanceVO": [about]}}
        if part == "OnsInstanceBaseInfo":
            return {**head, "InstanceBaseInfo": {
                "InstanceId": ONS_ID, "InstanceName": "shop", "InstanceStatus": 5, "InstanceType": 1,
                "IndependentNaming": True, "MaxTps": 5000, "TopicCapacity": 300, "Remark": "",
                "Endpoints": {"TcpEndpoint": "http://ons.example.invalid:8080"}}}
        if part == "OnsTopicList":
            return {**head, "Data": {"PublishInfoDo": [dict(t) for t in self.topics]}}
        if part == "OnsGroupList":
            kind = given.get("GroupType", "tcp")
            return {**head, "Data": {"SubscribeInfoDo": [g for g in self.groups if g["GroupType"] == kind]}}
        if part == "OnsGroupSubDetail":
            if int(given["GroupId"][-2:]) % 2:
                raise Refused(400, "BIZ_CONSUMER_NOT_ONLINE", "The consumer is not online.")
            subs = [{"Topic": "orders-000", "SubString": "*"}]
            return {**head, "Data": {"GroupId": given["GroupId"], "Online": True, "MessageModel": "CLUSTERING",
                                     "SubscriptionDataList": {"SubscriptionDataList": subs}}}
        raise Refused(404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")


# ---- the server


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    cloud = None

    def log_message(self, *args):
        pass

    def date_time_string(self, timestamp=None):
        return formatdate(self.now, usegmt=True)

    def handle_one(self):
        # Through a proxy the whole address stands in the first line.
        target = self.path.split("://", 1)[1].partition("/")[2] if "://" in self.path else self.path[1:]
        path, _, query = target.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        rq = SimpleNamespace(method=self.command, path="/" + path, query=query, headers=self.headers, body=body)
        self.now = time.time()
        status, answer, self.now, faults = self.cloud.reply(rq)
        text, kind = json.dumps(answer).encode(), "application/json"
        time.sleep(faults.get("hang", 0))
        if faults.get("html"):
            text, kind = b"<html>sign in first</html>", "text/html"
        if "redirect" in faults:
            self.send_response(302)
            self.send_header("Location", faults["redirect"])
            text = b""
        else:
            self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if 0 < faults.get("break", 0) <= self.cloud.asked:
            text = text[:len(text) // 2]
            self.close_connection = True
        self.wfile.write(text)

    do_GET = do_POST = handle_one


def main():
    name, folder = sys.argv[1:3]
    import standin_tencent  # pylint: disable=import-outside-toplevel

    clouds = {"huawei": Huawei, "ons": Ons, "tencent": standin_tencent.make(Cloud, Refused, ID, SECRET)}
    Handler.cloud = clouds[name](folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scheme = "http"
    if "--cert" in sys.argv:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[sys.argv.index("--cert") + 1], sys.argv[sys.argv.index("--key") + 1])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    print(f"ready {scheme}://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
