# SPDX-License-Identifier: Apache-2.0
"""Signatures of three clouds, checked from what arrived: written from their documentation, not from tdmqctl.

A check returns None, or the (HTTP status, code, text) with which the real service turns the request away.
"""
import base64
import calendar
import hashlib
import hmac
import re
import time
from urllib.parse import parse_qsl, quote, unquote

WINDOW = {"huawei": 900, "ali": 900, "tencent": 300}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def mac(key, text, digest=hashlib.sha256):
    return hmac.new(key, text.encode(), digest)


def enc(text):
    return quote(text, safe="-_.~")


def pairs(query):
    return [(n, v) for n, v in parse_qsl(query, keep_blank_values=True)]


def sorted_query(query):
    return "&".join(f"{n}={v}" for n, v in sorted((enc(n), enc(v)) for n, v in pairs(query)))


def authorization(rq, scheme):
    """The fields of 'SCHEME A=1, B=2', None where the header is another's."""
    text = rq.headers.get("Authorization", "")
    if not text.startswith(scheme + " "):
        return None
    return dict(re.findall(r"(\w+)=([^,\s]+)", text[len(scheme):]))


def header_block(rq, names, lower=False):
    lines = []
    for name in names.split(";"):
        value = rq.headers.get(name)
        if value is None:
            return None
        value = value.strip()
        lines.append(f"{name}:{value.lower() if lower else value}\n")
    return "".join(lines)


def at(stamp, form):
    try:
        return calendar.timegm(time.strptime(stamp, form))
    except ValueError:
        return 0


def huawei(rq, keys, now):
    def wrong(text):
        return 401, "APIGW.0301", "Incorrect IAM authentication information: " + text

    auth = authorization(rq, "SDK-HMAC-SHA256")
    if not auth:
        return wrong("Get secretKey failed")
    date = rq.headers.get("X-Sdk-Date", "")
    if abs(at(date, "%Y%m%dT%H%M%SZ") - now) > WINDOW["huawei"]:
        return wrong("x-sdk-date expired")
    if auth.get("Access") not in keys:
        return wrong("access key not found")
    path = "/".join(enc(unquote(part)) for part in rq.path.split("/"))
    if not path.endswith("/"):
        path += "/"
    names = auth.get("SignedHeaders", "")
    block = header_block(rq, names)
    if block is None or "x-sdk-date" not in names.split(";"):
        return wrong("signed headers are missing")
    canonical = "\n".join([rq.method, path, sorted_query(rq.query), block, names, sha256(rq.body)])
    text = "\n".join(["SDK-HMAC-SHA256", date, sha256(canonical.encode())])
    if mac(keys[auth["Access"]].encode(), text).hexdigest() != auth.get("Signature"):
        return wrong("verify aksk signature fail")
    return None


def ali(rq, keys, now, seen):
    auth = authorization(rq, "ACS3-HMAC-SHA256")
    if not auth:
        return ali_1(rq, keys, now, seen)
    if auth.get("Credential") not in keys:
        return 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."
    if abs(at(rq.headers.get("x-acs-date", ""), "%Y-%m-%dT%H:%M:%SZ") - now) > WINDOW["ali"]:
        return 400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."
    nonce = rq.headers.get("x-acs-signature-nonce")
    if not nonce or nonce in seen:
        return 400, "SignatureNonceUsed", "Specified signature nonce was used already."
    seen.add(nonce)
    names = auth.get("SignedHeaders", "")
    block = header_block(rq, names)
    if block is None or rq.headers.get("x-acs-content-sha256") != sha256(rq.body):
        return 400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation."
    canonical = "\n".join([rq.method, rq.path, sorted_query(rq.query), block, names, sha256(rq.body)])
    text = "ACS3-HMAC-SHA256\n" + sha256(canonical.encode())
    if mac(keys[auth["Credential"]].encode(), text).hexdigest() != auth.get("Signature"):
        return 400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation."
    return None


def ali_1(rq, keys, now, seen):
    form = rq.body.decode() if "form" in rq.headers.get("Content-Type", "") else ""
    fields = dict(pairs(rq.query) + pairs(form))
    signature = fields.pop("Signature", None)
    if not signature or fields.get("SignatureVersion") != "1.0":
        return 400, "IncompleteSignature", "The request signature does not conform to Aliyun standards."
    if fields.get("AccessKeyId") not in keys:
        return 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."
    if abs(at(fields.get("Timestamp", ""), "%Y-%m-%dT%H:%M:%SZ") - now) > WINDOW["ali"]:
        return 400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."
    if fields["SignatureNonce"] in seen:
        return 400, "SignatureNonceUsed", "Specified signature nonce was used already."
    seen.add(fields["SignatureNonce"])
    query = "&".join(f"{n}={v}" for n, v in sorted((enc(n), enc(v)) for n, v in fields.items()))
    text = "&".join([rq.method, enc("/"), enc(query)])
    want = base64.b64encode(mac((keys[fields["AccessKeyId"]] + "&").encode(), text, hashlib.sha1).digest()).decode()
    if want != signature:
        return 400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation."
    return None


def tencent(rq, keys, now):
    auth = authorization(rq, "TC3-HMAC-SHA256")
    stamp = rq.headers.get("X-TC-Timestamp", "0")
    if not auth or "/" not in auth.get("Credential", ""):
        return 200, "AuthFailure.SignatureFailure", "The Authorization header is not of TC3."
    if abs(int(stamp) - now) > WINDOW["tencent"]:
        return 200, "AuthFailure.SignatureExpire", "Signature expired: check the local time."
    key, scope = auth["Credential"].split("/", 1)
    date, service, end = scope.split("/")
    if key not in keys:
        return 200, "AuthFailure.SecretIdNotFound", "The SecretId is not found."
    if end != "tc3_request" or date != time.strftime("%Y-%m-%d", time.gmtime(int(stamp))):
        return 200, "AuthFailure.SignatureFailure", "The scope is not of this day."
    names = auth.get("SignedHeaders", "")
    block = header_block(rq, names, lower=True)
    if block is None or "content-type" not in names or "host" not in names:
        return 200, "AuthFailure.SignatureFailure", "content-type and host have to be signed."
    canonical = "\n".join([rq.method, rq.path, rq.query, block, names, sha256(rq.body)])
    text = "\n".join(["TC3-HMAC-SHA256", stamp, scope, sha256(canonical.encode())])
    step = ("TC3" + keys[key]).encode()
    for part in (date, service, end):
        step = mac(step, part).digest()
    if mac(step, text).hexdigest() != auth.get("Signature"):
        return 200, "AuthFailure.SignatureFailure", "The provided credentials could not be validated."
    return None
