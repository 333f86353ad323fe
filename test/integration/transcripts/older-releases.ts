/**
 * nemesisdb-wire.md 2.10: the same commands in older releases. Where they differ from one another,
 * LAST is what is answered; what only older ones accepted, KV_X with a token, means SH_X.
 */
import type { Table } from '../../support/transcript.js';

export const OLDER_RELEASES: Table = {
  'session data commands: SH_* + tkn, and KV_* + tkn': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"KV_SET":{"tkn":<A>,"keys":{"a":1}}}
    < {"KV_SET_RSP":{"st":1}}
    > {"SH_GET":{"tkn":<A>,"keys":["a"]}}
    < {"SH_GET_RSP":{"st":1,"keys":{"a":1}}}
    > {"KV_GET":{"keys":["a"]}}
    < {"KV_GET_RSP":{"st":1,"keys":{}}}
  `,
  'SET/ADD response: st only': String.raw`
    > {"KV_SET":{"keys":{"a":1}}}
    < {"KV_SET_RSP":{"st":1}}
    > {"KV_ADD":{"keys":{"a":2,"b":1}}}
    < {"KV_ADD_RSP":{"st":1}}
  `,
  'ADDQ on existing key: 10': String.raw`
    > {"KV_ADDQ":{"keys":{"a":1}}}
    < {"ERR":{"st":10}}
  `,
  'SET {}: ok': String.raw`
    > {"KV_SET":{"keys":{}}}
    < {"KV_SET_RSP":{"st":1}}
  `,
  'GET absent key: omitted': String.raw`
    > {"KV_GET":{"keys":["absent"]}}
    < {"KV_GET_RSP":{"st":1,"keys":{}}}
  `,
  'CONTAINS: a list': String.raw`
    > {"KV_SET":{"keys":{"a":1}}}
    < {"KV_SET_RSP":{"st":1}}
    > {"KV_CONTAINS":{"keys":["b","a"]}}
    < {"KV_CONTAINS_RSP":{"st":1,"contains":["a"]}}
  `,
  'RMV: no tkn, no keys; [] is 42': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_RMV":{"tkn":<A>,"keys":["a"]}}
    < {"SH_RMV_RSP":{"st":1,"cnt":0}}
    > {"SH_RMV":{"tkn":<A>,"keys":[]}}
    < {"SH_RMV_RSP":{"st":42}}
  `,
  'CLEAR_SET: without keys': String.raw`
    > {"KV_CLEAR_SET":{"keys":{"a":1}}}
    < {"KV_CLEAR_SET_RSP":{"st":1,"cnt":0}}
  `,
  'missing or mistyped token: 100; unknown token: 100, without tkn': String.raw`
    > {"SH_CLEAR":{}}
    < {"SH_CLEAR_RSP":{"st":100}}
    > {"SH_CLEAR":{"tkn":{}}}
    < {"SH_CLEAR_RSP":{"st":100}}
    > {"SH_CLEAR":{"tkn":<none>}}
    < {"SH_CLEAR_RSP":{"st":100}}
  `,
  'response name on token error: with _RSP': String.raw`
    > {"SH_INFO":{"tkn":-1}}
    < {"SH_INFO_RSP":{"st":100}}
    > {"SH_END":{"tkn":-1}}
    < {"SH_END_RSP":{"st":100}}
    > {"KV_COUNT":{"tkn":-1}}
    < {"KV_COUNT_RSP":{"st":100}}
    > {"KV_CONTAINS":{"tkn":-1,"keys":[]}}
    < {"KV_CONTAINS_RSP":{"st":100}}
  `,
  'SH_INFO_ALL: with st, any body': String.raw`
    > {"SH_INFO_ALL":{"x":1}}
    < {"SH_INFO_ALL_RSP":{"st":1,"totalSessions":0,"totalKeys":0}}
  `,
  'SH_EXISTS: exist, a list': String.raw`
    > {"SH_EXISTS":{"tkns":[1,2]}}
    < {"SH_EXISTS_RSP":{"st":1,"exist":[]}}
  `,
  'two commands in one object: 13; body not object: 13': String.raw`
    > {"KV_COUNT":{},"KV_KEYS":{}}
    < {"ERR":{"st":13}}
    > {"KV_COUNT":[]}
    < {"KV_COUNT_RSP":{"st":13}}
  `,
  'SH_LOAD with names: 26, as without a name': String.raw`
    > {"SH_LOAD":{"names":["a","b"]}}
    < {"SH_LOAD_RSP":{"st":26}}
  `,
};
