"""
What a test suite of NemesisDB, written for that server and knowing nothing of ours, asks of it:
integer tokens, SH_*, KV_* and SV_INFO over text frames, with expiry in whole seconds of real time.

    /usr/bin/python3 old-client.py ws://127.0.0.1:1987/

Needs Debian's python3-websockets only.
"""
import asyncio
import json
import sys
import unittest
from websockets import client as websockets

URI = 'ws://127.0.0.1:1987/'


class Case(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.ws = await websockets.connect(URI, open_timeout=60)
        await self.query('SH_END_ALL', {})
        await self.query('KV_CLEAR', {})

    async def asyncTearDown(self):
        await self.ws.close()

    async def raw(self, frame):
        await self.ws.send(frame)
        return json.loads(await asyncio.wait_for(self.ws.recv(), 20))

    async def query(self, command, body):
        rsp = await self.raw(json.dumps({command: body}))
        self.assertEqual(list(rsp), [command + '_RSP'])
        return rsp[command + '_RSP']

    async def ok(self, command, body):
        rsp = await self.query(command, body)
        self.assertEqual(rsp['st'], 1)
        return rsp

    async def new(self, **expiry):
        rsp = await self.ok('SH_NEW', {'expiry': expiry} if expiry else {})
        self.assertIs(type(rsp['tkn']), int)
        self.assertTrue(0 <= rsp['tkn'] < 2**64)
        return rsp['tkn']


class Sessions(Case):
    async def test_new_end(self):
        tkn = await self.new()
        self.assertEqual(await self.query('SH_END', {'tkn': tkn}), {'st': 1, 'tkn': tkn})
        self.assertEqual(await self.query('SH_END', {'tkn': tkn}), {'st': 100, 'tkn': tkn})

    async def test_many_tokens_differ(self):
        tokens = {await self.new() for _ in range(500)}
        self.assertEqual(len(tokens), 500)
        rsp = await self.ok('SH_INFO_ALL', {})
        self.assertEqual((rsp['totalSessions'], rsp['totalKeys']), (500, 0))
        self.assertEqual((await self.ok('SH_END_ALL', {}))['cnt'], 500)

    async def test_exists(self):
        a, b = await self.new(), await self.new()
        rsp = await self.ok('SH_EXISTS', {'tkns': [b, 5, a, b]})
        self.assertEqual(rsp, {'st': 1, 'exist': [b, a, b]})

    async def test_info(self):
        tkn = await self.new()
        await self.ok('SH_SET', {'tkn': tkn, 'keys': {'a': 1, 'b': 2}})
        rsp = await self.ok('SH_INFO', {'tkn': tkn})
        self.assertEqual((rsp['tkn'], rsp['shared'], rsp['keyCnt'], rsp['expires']), (tkn, False, 2, False))
        self.assertNotIn('expiry', rsp)
        rsp = await self.query('SH_INFO', {'tkn': 12345})
        self.assertEqual(rsp, {'st': 100, 'tkn': 12345, 'shared': None, 'keyCnt': None})

    async def test_info_expiry(self):
        tkn = await self.new(duration=60, deleteSession=True)
        expiry = (await self.ok('SH_INFO', {'tkn': tkn}))['expiry']
        self.assertEqual(set(expiry), {'duration', 'remaining', 'deleteSession', 'extendOnSetAdd', 'extendOnGet'})
        self.assertIs(type(expiry['remaining']), int)
        self.assertIn(expiry['remaining'], (59, 60))
        self.assertEqual(expiry['duration'], 60)
        self.assertIs(expiry['deleteSession'], True)

    async def test_bad_commands(self):
        for frame, rsp in [
            ('', {'ERR': {'st': 3}}),
            ('{', {'ERR': {'st': 3}}),
            ('[]', {'ERR': {'st': 13}}),
            ('{"SH_NEW":{},"SH_END":{}}', {'ERR': {'st': 13}}),
            ('{"SH_NEW":[]}', {'SH_NEW_RSP': {'st': 13}}),
            ('{"FOO":{}}', {'FOO_RSP': {'st': 13}}),
            ('{"SH_FOO":{}}', {'SH_FOO_RSP': {'st': 10}}),
            ('{"KV_FOO":{}}', {'ERR': {'st': 10}}),
            (b'{"SH_NEW":{}}', {'ERR': {'st': 2}}),
        ]:
            self.assertEqual(await self.raw(frame), rsp)

    async def test_parameters(self):
        for command, body, st in [
            ('SH_NEW', {'expiry': {}}, 26),
            ('SH_NEW', {'expiry': {'duration': -1}}, 41),
            ('SH_NEW', {'expiry': {'duration': 1, 'deleteSession': 'x'}}, 41),
            ('SH_NEW', {'expiry': 1}, 41),
            ('SH_SET', {}, 26),
            ('SH_SET', {'keys': {}}, 100),
            ('SH_SET', {'tkn': 'x', 'keys': {}}, 100),
            ('SH_SET', {'tkn': 1, 'keys': []}, 41),
            ('SH_GET', {'tkn': 1, 'keys': {}}, 41),
            ('SH_RMV', {'tkn': 1, 'keys': []}, 42),
            ('SH_EXISTS', {}, 26),
            ('SH_EXISTS', {'tkns': 1}, 41),
            ('SH_INFO', {}, 13),
            ('SH_SAVE', {}, 26),
            ('SH_SAVE', {'name': 'x', 'tkns': []}, 42),
            ('SH_LOAD', {'name': 1}, 41),
        ]:
            self.assertEqual((await self.query(command, body))['st'], st, (command, body))

    async def test_server_info(self):
        rsp = await self.ok('SV_INFO', {})
        self.assertIs(type(rsp['serverVersion']), str)
        self.assertIs(rsp['persistEnabled'], True)

    async def test_shared(self):
        rsp = await self.ok('SH_NEW', {'name': 'sh1', 'shared': True})
        tkn = rsp['tkn']
        self.assertEqual(rsp['name'], 'sh1')
        self.assertEqual((await self.ok('SH_OPEN', {'name': 'sh1'}))['tkn'], tkn)
        self.assertEqual((await self.query('SH_NEW', {'name': 'sh1', 'shared': True}))['st'], 103)
        self.assertEqual(await self.query('SH_OPEN', {'name': 'nope'}), {'st': 102, 'tkn': None})
        self.assertIs((await self.ok('SH_INFO', {'tkn': tkn}))['shared'], True)


class Keys(Case):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.tkn = await self.new()

    async def each(self, act):
        """As KV_X, as SH_X, and as KV_X with a token."""
        for prefix, body in [('KV_', {}), ('SH_', {'tkn': self.tkn}), ('KV_', {'tkn': self.tkn})]:
            await self.ok(prefix + 'CLEAR', body)
            await act(lambda name, **more: self.ok(prefix + name, {**body, **more}))

    async def test_set_get(self):
        values = {
            'int': 5, 'neg': -7, 'max': 2**64 - 1, 'min': -2**63, 'odd': 2**53 + 1, 'float': 1.5, 'whole': 2.0,
            'str': 'x' * 5000, 'uni': 'äöü 😀 \u0000', 'null': None, 'yes': True, 'list': [1, [2, [3]]],
            'obj': {'a': {'b': {'c': [{'d': 1}]}}}, '': 'empty', 'quote"': '\\"',
        }

        async def act(ask):
            self.assertEqual(await ask('SET', keys=values), {'st': 1})
            rsp = await ask('GET', keys=[*values, 'absent', 7])
            self.assertEqual(rsp, {'st': 1, 'keys': values})
            self.assertIs(type(rsp['keys']['whole']), float)
            self.assertEqual((await ask('COUNT'))['cnt'], len(values))
            self.assertEqual((await ask('KEYS'))['keys'], list(values))
        await self.each(act)

    async def test_add(self):
        async def act(ask):
            await ask('ADD', keys={'a': 1})
            await ask('ADD', keys={'a': 2, 'b': 3})
            self.assertEqual((await ask('GET', keys=['a', 'b']))['keys'], {'a': 1, 'b': 3})
        await self.each(act)

    async def test_remove_clear(self):
        async def act(ask):
            await ask('SET', keys={'a': 1, 'b': 2, 'c': 3})
            await ask('RMV', keys=['a', 'x', 5])
            self.assertEqual(await ask('CONTAINS', keys=['c', 'a', 'b']), {'st': 1, 'contains': ['c', 'b']})
            self.assertEqual(await ask('CLEAR_SET', keys={'z': 1}), {'st': 1, 'cnt': 2})
            self.assertEqual(await ask('CLEAR'), {'st': 1, 'cnt': 1})
            self.assertEqual(await ask('CLEAR'), {'st': 1, 'cnt': 0})
        await self.each(act)

    async def test_many(self):
        keys = {f'key{n}': n for n in range(2_000)}

        async def act(ask):
            await ask('SET', keys=keys)
            self.assertEqual((await ask('GET', keys=list(keys)))['keys'], keys)
            self.assertEqual((await ask('CLEAR'))['cnt'], 2_000)
        await self.each(act)

    async def test_find_update(self):
        async def act(ask):
            await ask('SET', keys={'p': {'name': 'Jo', 'tags': ['a', 'b']}, 'q': {'name': 'Al'}, 'n': 5})
            self.assertEqual((await ask('FIND', path='$.tags', rsp='keys'))['keys'], ['p'])
            self.assertEqual((await ask('FIND', path='$.name', rsp='paths', keys=['q']))['paths'], ["$['name']"])
            self.assertEqual((await ask('FIND', path='$.tags[?@ == "b"]', rsp='kv'))['keys'],
                             {'p': {'name': 'Jo', 'tags': ['a', 'b']}})
            self.assertEqual((await ask('UPDATE', key='p', path='$.name', value='Di'))['cnt'], 1)
            self.assertEqual((await ask('UPDATE', key='p', path='$.none', value=1))['cnt'], 0)
            self.assertEqual((await ask('GET', keys=['p']))['keys']['p']['name'], 'Di')
        await self.each(act)

    async def test_pipelined(self):
        for n in range(1_000):
            await self.ws.send(json.dumps({'SH_SET': {'tkn': self.tkn, 'keys': {'n': n}}}))
            await self.ws.send(json.dumps({'SH_GET': {'tkn': self.tkn, 'keys': ['n']}}))
        for n in range(1_000):
            self.assertEqual(json.loads(await self.ws.recv()), {'SH_SET_RSP': {'st': 1}})
            self.assertEqual(json.loads(await self.ws.recv()), {'SH_GET_RSP': {'st': 1, 'keys': {'n': n}}})


class Expiry(Case):
    async def test_delete_session(self):
        tkn = await self.new(duration=1, deleteSession=True)
        await self.ok('SH_SET', {'tkn': tkn, 'keys': {'a': 1}})
        await asyncio.sleep(2)
        self.assertEqual((await self.query('SH_GET', {'tkn': tkn, 'keys': ['a']}))['st'], 100)
        self.assertEqual((await self.ok('SH_INFO_ALL', {}))['totalSessions'], 0)

    async def test_clear_only(self):
        tkn = await self.new(duration=2, deleteSession=False)
        await self.ok('SH_SET', {'tkn': tkn, 'keys': {'a': 1}})
        await asyncio.sleep(3)
        self.assertEqual((await self.ok('SH_COUNT', {'tkn': tkn}))['cnt'], 0)
        self.assertEqual((await self.ok('SH_EXISTS', {'tkns': [tkn]}))['exist'], [tkn])
        info = await self.ok('SH_INFO', {'tkn': tkn})
        self.assertIn(info['expiry']['remaining'], (0, 1))

    async def test_extend(self):
        on_set = await self.new(duration=2, deleteSession=True, extendOnSetAdd=True)
        on_get = await self.new(duration=2, deleteSession=True, extendOnGet=True)
        for _ in range(3):
            await asyncio.sleep(1)
            await self.ok('SH_SET', {'tkn': on_set, 'keys': {'a': 1}})
            await self.ok('SH_GET', {'tkn': on_get, 'keys': ['absent']})
        self.assertEqual((await self.ok('SH_EXISTS', {'tkns': [on_set, on_get]}))['exist'], [on_set, on_get])
        await asyncio.sleep(3)
        self.assertEqual((await self.ok('SH_EXISTS', {'tkns': [on_set, on_get]}))['exist'], [])

    async def test_never(self):
        tkn = await self.new(duration=0, deleteSession=True)
        self.assertIs((await self.ok('SH_INFO', {'tkn': tkn}))['expires'], False)


class Saves(Case):
    async def test_sessions(self):
        a = await self.new(duration=600, deleteSession=True)
        b = await self.new()
        await self.ok('SH_SET', {'tkn': a, 'keys': {'k': 'a', 'big': 2**63}})
        await self.ok('SH_SET', {'tkn': b, 'keys': {'k': 'b'}})
        rsp = await self.query('SH_SAVE', {'name': 'py-all'})
        self.assertEqual((rsp['st'], rsp['name'], type(rsp['duration'])), (121, 'py-all', int))
        self.assertEqual((await self.query('SH_SAVE', {'name': 'py-one', 'tkns': [b, 99]}))['st'], 121)
        await self.ok('SH_END_ALL', {})
        self.assertEqual(await self.query('SH_LOAD', {'name': 'py-one'}),
                         {'st': 141, 'name': 'py-one', 'sessions': 1, 'keys': 1})
        self.assertEqual(await self.query('SH_LOAD', {'name': 'py-all'}),
                         {'st': 141, 'name': 'py-all', 'sessions': 1, 'keys': 2})
        self.assertEqual(await self.ok('SH_GET', {'tkn': a, 'keys': ['k', 'big']}),
                         {'st': 1, 'keys': {'k': 'a', 'big': 2**63}})
        info = await self.ok('SH_INFO', {'tkn': a})
        self.assertEqual((info['expiry']['duration'], info['expiry']['deleteSession']), (600, True))
        self.assertEqual(await self.query('SH_LOAD', {'name': 'py-none'}), {'st': 142, 'name': 'py-none'})

    async def test_keys(self):
        await self.ok('KV_SET', {'keys': {'a': 1, 'b': {'c': [1]}}})
        self.assertEqual((await self.query('KV_SAVE', {'name': 'py-keys'}))['st'], 121)
        await self.ok('KV_CLEAR_SET', {'keys': {'a': 2, 'd': 3}})
        rsp = await self.query('KV_LOAD', {'name': 'py-keys'})
        rsp.pop('duration')
        self.assertEqual(rsp, {'st': 141, 'name': 'py-keys', 'keys': 2, 'sessions': 0})
        self.assertEqual((await self.ok('KV_GET', {'keys': ['a', 'b', 'd']}))['keys'], {'a': 1, 'b': {'c': [1]}, 'd': 3})


if __name__ == '__main__':
    URI = sys.argv.pop(1)
    unittest.main(verbosity=2)
