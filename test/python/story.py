"""What sojourn.py can do with a server, told in lines that python-client.test.ts reads.

    python3 story.py ws://127.0.0.1:1987
"""
import asyncio
import sys

from sojourn import *


async def refusal(call):
    """The status that a call is refused with."""
    try:
        await call
    except Refused as refused:
        return refused.status
    return "not refused"


async def life(client):
    body = {"expiry": {"duration": 60, "deleteSession": True}, "keys": {"name": "Ada"}}
    new = await client.call(SH_NEW, body)
    token = new["tkn"]
    print("token of", len(token), "bytes, id of", len(new["id"]), "characters")
    info = await client.call(SH_INFO, token=token)
    print("same id:", info["id"] == new["id"], "- keys:", info["keyCnt"])
    print("expires within", round(info["expiry"]["remaining"]), "s")
    shared = await client.call(SH_OPEN, {"name": "python", "create": True})
    again = await client.call(SH_OPEN, {"name": "python"})
    print("shared session:", shared["created"], again["created"], shared["tkn"] == again["tkn"])
    exist = await client.call(SH_EXISTS, {"tkns": [shared["tkn"], bytes(24), token]})
    print("alive:", exist["exist"] == [shared["tkn"], token])
    await client.call(SH_END, token=shared["tkn"])
    print("after its end:", await refusal(client.call(SH_COUNT, token=shared["tkn"])))
    return token


async def data(client, token):
    values = {"text": "Grüße, 世界", "none": None, "largest": 2**64 - 1, "smallest": -(2**63)}
    values.update(part=0.1, yes=True, bytes=b"\x00\xff", list=[1, [2, {"deep": []}]])
    await client.call(SH_CLEAR_SET, {"keys": values}, token)
    read = await client.call(SH_GET_ALL, token=token)
    print("values come back:", read["keys"] == values, "- in order:", list(read["keys"])[:3])
    await client.call(SH_ADD, {"keys": {"text": "no", "n": 1}}, token)
    keys = {"keys": ["n", "text", "absent"]}
    print("added:", (await client.call(SH_GET, keys, token))["keys"])
    print("contained:", (await client.call(SH_CONTAINS, keys, token))["contains"])
    print("removed:", (await client.call(SH_RMV, {"keys": ["none", "part"]}, token))["cnt"])
    print("left:", (await client.call(SH_KEYS, token=token))["keys"])
    print("counted up:", (await client.call(SH_INC, {"key": "n", "by": 2**62}, token))["value"])
    print("taken:", (await client.call(SH_TAKE, {"keys": ["yes"]}, token))["keys"])
    version = (await client.call(SH_GET, {"keys": [], "version": True}, token))["version"]
    await client.call(SH_CAS, {"version": version, "set": {"n": 0}}, token)
    late = await refusal(client.call(SH_CAS, {"version": version, "set": {"n": 9}}, token))
    print("compared and set: once, then", late)
    path = {"key": "list", "path": "/1/1/deep", "value": ["here"]}
    print("updated:", (await client.call(SH_UPDATE, path, token))["cnt"])
    find = {"path": "$..deep[0]", "rsp": "paths"}
    print("found:", (await client.call(SH_FIND, find, token))["paths"])
    await client.call(KV + SH_SET, {"keys": {"python": 3}})
    print("default map:", (await client.call(KV + SH_GET, {"keys": ["python"]}))["keys"])


async def batches(client, token):
    frame = [(SH_INC, {"key": "f"}, token)] * 3 + [(SH_GET, {"keys": 5}, token), (60, None, token)]
    results = await client.call_all(frame)
    print("one message:", [r.status if isinstance(r, Refused) else r["value"] for r in results])
    cmds = [[SH_SET, {"keys": {"b": 1}}], [SH_INC, {"key": "b", "by": 4}], [SH_COUNT, None]]
    print("batch:", (await client.call(SH_BATCH, {"cmds": cmds}, token))["rsps"])
    cmds = [[SH_SET, {"keys": {"b": 100}}], [SH_INC, {"key": "text"}], [SH_CLEAR, None]]
    try:
        await client.call(SH_BATCH, {"cmds": cmds}, token)
    except Refused as refused:
        statuses = [status for status, _ in refused.body["rsps"]]
        print("batch refused:", refused.status, statuses)
    print("undone:", (await client.call(SH_GET, {"keys": ["b"]}, token))["keys"])


async def watch(client, writer, token):
    name = (await client.call(SH_WATCH, token=token))["id"]
    await writer.call(SH_CLEAR_SET, {"keys": {"a": 1, "b": [2]}}, token)
    await writer.call(SH_RMV, {"keys": ["a"]}, token)
    for _ in range(3):
        event, body = await client.push()
        print("push:", event, body.get("keys"), body["id"] == name)
    new = (await writer.call(SH_ROTATE, {"grace": 30}, token))["tkn"]
    event, body = await client.push()
    info = await client.call(SH_INFO, token=new)
    print("push:", event, body["id"] == name, body["newId"] == info["id"])
    await writer.call(SH_SET, {"keys": {"c": 3}}, token)
    event, body = await client.push()
    print("push:", event, body["keys"], "- by the old token, in its grace")
    newest = (await writer.call(SH_ROTATE, token=new))["tkn"]
    await client.push()
    for old in (token, new):
        print("rotated token:", await refusal(client.call(SH_COUNT, token=old)))
    print("new token:", (await client.call(SH_GET, {"keys": ["c"]}, newest))["keys"])
    await client.call(SH_UNWATCH, token=newest)
    await writer.call(SH_SET, {"keys": {"d": 4}}, newest)
    await client.call(SH_WATCH, token=newest)
    await writer.call(SH_END, token=newest)
    print("push:", (await client.push())[0], "- and no other:", client.pushes.empty())
    print("ended:", await refusal(client.call(SH_COUNT, token=new)))


async def main(url):
    client, writer = await Client.connect(url), await Client.connect(url)
    await client.call(SV_PING)
    token = await life(client)
    await data(client, token)
    await batches(client, token)
    await watch(client, writer, token)
    await asyncio.gather(client.close(), writer.close())


asyncio.run(main(sys.argv[1]))
