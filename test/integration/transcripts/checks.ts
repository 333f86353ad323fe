/** nemesisdb-wire.md 2.3: statuses, the order of checks, types. */
import type { Table } from '../../support/transcript.js';

/**
 * Rows of the table that a server sends. Not sent, as in LAST: 4 and 5 (but see SH_FIND), 11, 12,
 * 20 to 27, 40, 60 to 62, 101, 120, 140, 143, 160, 161. 122 and 123 need a disk that fails, and 14 a
 * server without one: see the tests of saves.
 */
export const STATUS_CODES: Table = {
  '1 Ok: success of everything except save and load': String.raw`
    > {"KV_SET":{"keys":{}}}
    < {"KV_SET_RSP":{"st":1}}
    > {"SH_INFO_ALL":{}}
    < {"SH_INFO_ALL_RSP":{"st":1,"totalSessions":0,"totalKeys":0}}
  `,
  '3 JsonInvalid: parse failure': String.raw`
    > {"KV_SET":
    < {"ERR":{"st":3}}
  `,
  '10 CommandNotExist': String.raw`
    > {"SH_NOPE":{}}
    < {"SH_NOPE_RSP":{"st":10}}
  `,
  '13 CommandSyntax: framing, and a body of SH_INFO that has not exactly one member': String.raw`
    > {"SH_INFO":{}}
    < {"SH_INFO_RSP":{"st":13}}
    > {"SH_INFO":{"tkn":<none>,"more":1}}
    < {"SH_INFO_RSP":{"st":13}}
  `,
  '22 NotExist: SH_UPDATE of an unknown key': String.raw`
    > {"KV_UPDATE":{"key":"nope","path":"/a","value":1}}
    < {"KV_UPDATE_RSP":{"st":22,"cnt":0}}
  `,
  '26 ParamMissing': String.raw`
    > {"KV_SET":{}}
    < {"KV_SET_RSP":{"st":26}}
  `,
  '41 ValueTypeInvalid': String.raw`
    > {"KV_SET":{"keys":[]}}
    < {"KV_SET_RSP":{"st":41}}
  `,
  '42 ValueSize: keys:[] in RMV, tkns:[] in SH_SAVE': String.raw`
    > {"KV_RMV":{"keys":[]}}
    < {"KV_RMV_RSP":{"st":42}}
    > {"SH_SAVE":{"name":"x","tkns":[]}}
    < {"SH_SAVE_RSP":{"st":42}}
  `,
  '100 SessionNotExist: unknown, missing, or wrongly typed tkn': String.raw`
    > {"SH_COUNT":{"tkn":<none>}}
    < {"SH_COUNT_RSP":{"st":100}}
    > {"SH_COUNT":{}}
    < {"SH_COUNT_RSP":{"st":100}}
    > {"SH_COUNT":{"tkn":null}}
    < {"SH_COUNT_RSP":{"st":100}}
    > {"SH_COUNT":{"tkn":[1]}}
    < {"SH_COUNT_RSP":{"st":100}}
  `,
  '102 SessionOpenFail: no shared session of the name': String.raw`
    > {"SH_OPEN":{"name":"nobody"}}
    < {"SH_OPEN_RSP":{"st":102,"tkn":null}}
  `,
  '103 SessionNewFail: the shared name exists already': String.raw`
    > {"SH_NEW":{"name":"taken","shared":true}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>,"name":"taken"}}
    > {"SH_NEW":{"name":"taken","shared":true}}
    < {"SH_NEW_RSP":{"st":103,"name":"taken","tkn":<A>}}
  `,
};

export const ORDER_OF_CHECKS: Table = {
  'framing first': String.raw`
    > {"SH_SET":[],"x":1}
    < {"ERR":{"st":13}}
    > {"SH_SET":[]}
    < {"SH_SET_RSP":{"st":13}}
  `,
  'parameters before the token': String.raw`
    > {"SH_SET":{}}
    < {"SH_SET_RSP":{"st":26}}
    > {"SH_SET":{"tkn":<none>}}
    < {"SH_SET_RSP":{"st":26}}
    > {"SH_GET":{"tkn":null,"keys":{}}}
    < {"SH_GET_RSP":{"st":41}}
    > {"SH_CLEAR_SET":{"keys":5}}
    < {"SH_CLEAR_SET_RSP":{"st":41}}
  `,
  'values before the token': String.raw`
    > {"SH_RMV":{"tkn":<none>,"keys":[]}}
    < {"SH_RMV_RSP":{"st":42}}
    > {"SH_RMV":{"keys":["a"]}}
    < {"SH_RMV_RSP":{"st":100}}
  `,
  'parameters in alphabetical order, each missing, then of a wrong type': String.raw`
    # key, path, value
    > {"KV_UPDATE":{}}
    < {"KV_UPDATE_RSP":{"st":26}}
    > {"KV_UPDATE":{"path":1,"value":1}}
    < {"KV_UPDATE_RSP":{"st":26}}
    > {"KV_UPDATE":{"key":1}}
    < {"KV_UPDATE_RSP":{"st":41}}
    > {"KV_UPDATE":{"key":"k","value":1}}
    < {"KV_UPDATE_RSP":{"st":26}}
    > {"KV_UPDATE":{"key":"k","path":1}}
    < {"KV_UPDATE_RSP":{"st":41}}
    > {"KV_UPDATE":{"key":"k","path":"/a"}}
    < {"KV_UPDATE_RSP":{"st":26}}
    # keys, path, rsp
    > {"KV_FIND":{"keys":1}}
    < {"KV_FIND_RSP":{"st":41}}
    > {"KV_FIND":{"rsp":1}}
    < {"KV_FIND_RSP":{"st":26}}
    > {"KV_FIND":{"path":1}}
    < {"KV_FIND_RSP":{"st":41}}
    > {"KV_FIND":{"path":"$"}}
    < {"KV_FIND_RSP":{"st":26}}
    # name, tkns
    > {"SH_SAVE":{"tkns":1}}
    < {"SH_SAVE_RSP":{"st":26}}
    > {"SH_SAVE":{"name":1,"tkns":1}}
    < {"SH_SAVE_RSP":{"st":41}}
    > {"SH_SAVE":{"name":"n","tkns":1}}
    < {"SH_SAVE_RSP":{"st":41}}
  `,
  'members of expiry in alphabetical order': String.raw`
    # deleteSession, duration, extendOnGet, extendOnSetAdd
    > {"SH_NEW":{"expiry":{"deleteSession":1}}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"expiry":{"extendOnGet":1,"extendOnSetAdd":1}}}
    < {"SH_NEW_RSP":{"st":26}}
    > {"SH_NEW":{"expiry":{"duration":1,"extendOnGet":1}}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"expiry":{"duration":1,"extendOnSetAdd":"yes"}}}
    < {"SH_NEW_RSP":{"st":41}}
  `,
};

export const TYPES: Table = {
  'a token is a uint or a text; others are no token': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_COUNT":{"tkn":-1}}
    < {"SH_COUNT_RSP":{"st":100}}
    > {"SH_COUNT":{"tkn":1.0}}
    < {"SH_COUNT_RSP":{"st":100}}
    > {"SH_COUNT":{"tkn":"1"}}
    < {"SH_COUNT_RSP":{"st":100}}
    > {"SH_COUNT":{"tkn":18446744073709551616}}
    < {"SH_COUNT_RSP":{"st":100}}
    > {"SH_COUNT":{"tkn":true}}
    < {"SH_COUNT_RSP":{"st":100}}
    > {"SH_COUNT":{"tkn":<A>}}
    < {"SH_COUNT_RSP":{"st":1,"cnt":0}}
  `,
  'a duration is a number of seconds, not negative': String.raw`
    > {"SH_NEW":{"expiry":{"duration":-1}}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"expiry":{"duration":"1"}}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"expiry":{"duration":null}}}
    < {"SH_NEW_RSP":{"st":41}}
    # Ours: fractions are allowed, and 100 years are enough.
    > {"SH_NEW":{"expiry":{"duration":1.0}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_NEW":{"expiry":{"duration":0.5}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<B>,"id":<id>}}
    > {"SH_NEW":{"expiry":{"duration":18446744073709551615}}}
    < {"SH_NEW_RSP":{"st":42}}
  `,
  'a bool is true or false': String.raw`
    > {"SH_NEW":{"expiry":{"duration":1,"deleteSession":0}}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"expiry":{"duration":1,"deleteSession":"true"}}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"expiry":{"duration":1,"deleteSession":null}}}
    < {"SH_NEW_RSP":{"st":41}}
  `,
};
