/**
 * nemesisdb-wire.md 2.5: key commands. They are played three times: as SH_X on a session, as KV_X
 * on the global map, and as KV_X with a token, which releases up to 0.6.6 knew and which is SH_X.
 * XX_ stands for the prefix, {T} for a body with the token where there is one.
 */
import type { Table } from '../../support/transcript.js';

const KEY_COMMANDS: Table = {
  'SET: upsert': String.raw`
    > {"XX_SET":{T "keys":{"a":1}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_SET":{T "keys":{"a":2,"b":3}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["a","b"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"a":2,"b":3}}}
  `,
  'SET: {} is fine': String.raw`
    > {"XX_SET":{T "keys":{}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_COUNT":{T}}
    < {"XX_COUNT_RSP":{"st":1,"cnt":0}}
  `,
  'SET: any JSON value, and the empty key': String.raw`
    > {"XX_SET":{T "keys":{"":"empty","n":null,"t":true,"f":false,"i":-5,"d":1.5,"s":"","a":[],"o":{}}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["","n","t","f","i","d","s","a","o"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"":"empty","n":null,"t":true,"f":false,"i":-5,"d":1.5,"s":"","a":[],"o":{}}}}
  `,
  'SET: replaces a value of another type': String.raw`
    > {"XX_SET":{T "keys":{"a":{"b":[1,2,3]}}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_SET":{T "keys":{"a":"text"}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["a"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"a":"text"}}}
  `,
  'ADD: only absent keys; existing ones are silently kept': String.raw`
    > {"XX_ADD":{T "keys":{"a":1,"b":2}}}
    < {"XX_ADD_RSP":{"st":1}}
    > {"XX_ADD":{T "keys":{"a":"new","c":3}}}
    < {"XX_ADD_RSP":{"st":1}}
    > {"XX_ADD":{T "keys":{}}}
    < {"XX_ADD_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["a","b","c"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"a":1,"b":2,"c":3}}}
  `,
  'GET: absent keys and items that are no strings are left out': String.raw`
    > {"XX_SET":{T "keys":{"a":1,"b":2}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["nope",5,null,"b",["a"],{"a":1},true]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"b":2}}}
    > {"XX_GET":{T "keys":["nope"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{}}}
    > {"XX_GET":{T "keys":[]}}
    < {"XX_GET_RSP":{"st":1,"keys":{}}}
  `,
  'GET: a key that is named twice comes once': String.raw`
    > {"XX_SET":{T "keys":{"a":1,"b":2}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["a","b","a"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"a":1,"b":2}}}
  `,
  'RMV: unknown keys and items that are no strings are ignored': String.raw`
    # Ours: with the count of those removed.
    > {"XX_SET":{T "keys":{"a":1,"b":2,"c":3}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_RMV":{T "keys":["a","nope",5,null,"a"]}}
    < {"XX_RMV_RSP":{"st":1,"cnt":1}}
    > {"XX_RMV":{T "keys":["nope"]}}
    < {"XX_RMV_RSP":{"st":1,"cnt":0}}
    > {"XX_RMV":{T "keys":[5]}}
    < {"XX_RMV_RSP":{"st":1,"cnt":0}}
    > {"XX_COUNT":{T}}
    < {"XX_COUNT_RSP":{"st":1,"cnt":2}}
  `,
  'RMV: an empty list is 42': String.raw`
    > {"XX_RMV":{T "keys":[]}}
    < {"XX_RMV_RSP":{"st":42}}
  `,
  'CONTAINS: in request order, others skipped': String.raw`
    > {"XX_SET":{T "keys":{"a":1,"b":2,"c":3}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_CONTAINS":{T "keys":["c","nope",1,null,"a","c"]}}
    < {"XX_CONTAINS_RSP":{"st":1,"contains":["c","a","c"]}}
    > {"XX_CONTAINS":{T "keys":[]}}
    < {"XX_CONTAINS_RSP":{"st":1,"contains":[]}}
    > {"XX_CONTAINS":{T "keys":["x","y"]}}
    < {"XX_CONTAINS_RSP":{"st":1,"contains":[]}}
  `,
  'KEYS: insertion order': String.raw`
    # Ours: also after RMV, where LAST moved the last key into the hole.
    > {"XX_KEYS":{T}}
    < {"XX_KEYS_RSP":{"st":1,"keys":[]}}
    > {"XX_SET":{T "keys":{"z":1,"10":2,"a":3,"9":4}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_SET":{T "keys":{"m":5,"a":6}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_KEYS":{T}}
    < {"XX_KEYS_RSP":{"st":1,"keys":["z","10","a","9","m"]}}
    > {"XX_RMV":{T "keys":["10"]}}
    < {"XX_RMV_RSP":{"st":1,"cnt":1}}
    > {"XX_KEYS":{T}}
    < {"XX_KEYS_RSP":{"st":1,"keys":["z","a","9","m"]}}
  `,
  COUNT: String.raw`
    > {"XX_COUNT":{T}}
    < {"XX_COUNT_RSP":{"st":1,"cnt":0}}
    > {"XX_SET":{T "keys":{"a":1,"b":2}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_COUNT":{T}}
    < {"XX_COUNT_RSP":{"st":1,"cnt":2}}
  `,
  'CLEAR: counts those removed': String.raw`
    > {"XX_SET":{T "keys":{"a":1,"b":2,"c":3}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_CLEAR":{T}}
    < {"XX_CLEAR_RSP":{"st":1,"cnt":3}}
    > {"XX_CLEAR":{T}}
    < {"XX_CLEAR_RSP":{"st":1,"cnt":0}}
    > {"XX_COUNT":{T}}
    < {"XX_COUNT_RSP":{"st":1,"cnt":0}}
  `,
  'CLEAR_SET: clear, then set; counts those removed': String.raw`
    > {"XX_SET":{T "keys":{"a":1,"b":2,"c":3}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_CLEAR_SET":{T "keys":{"c":"kept","d":4}}}
    < {"XX_CLEAR_SET_RSP":{"st":1,"cnt":3}}
    > {"XX_KEYS":{T}}
    < {"XX_KEYS_RSP":{"st":1,"keys":["c","d"]}}
    > {"XX_CLEAR_SET":{T "keys":{}}}
    < {"XX_CLEAR_SET_RSP":{"st":1,"cnt":2}}
    > {"XX_COUNT":{T}}
    < {"XX_COUNT_RSP":{"st":1,"cnt":0}}
  `,
  '26 if keys is absent': String.raw`
    > {"XX_SET":{T}}
    < {"XX_SET_RSP":{"st":26}}
    > {"XX_ADD":{T}}
    < {"XX_ADD_RSP":{"st":26}}
    > {"XX_GET":{T}}
    < {"XX_GET_RSP":{"st":26}}
    > {"XX_RMV":{T}}
    < {"XX_RMV_RSP":{"st":26}}
    > {"XX_CONTAINS":{T}}
    < {"XX_CONTAINS_RSP":{"st":26}}
    > {"XX_CLEAR_SET":{T}}
    < {"XX_CLEAR_SET_RSP":{"st":26}}
  `,
  '41 if keys has the wrong type': String.raw`
    > {"XX_SET":{T "keys":[]}}
    < {"XX_SET_RSP":{"st":41}}
    > {"XX_SET":{T "keys":null}}
    < {"XX_SET_RSP":{"st":41}}
    > {"XX_ADD":{T "keys":"a"}}
    < {"XX_ADD_RSP":{"st":41}}
    > {"XX_GET":{T "keys":{}}}
    < {"XX_GET_RSP":{"st":41}}
    > {"XX_GET":{T "keys":"a"}}
    < {"XX_GET_RSP":{"st":41}}
    > {"XX_RMV":{T "keys":{"a":1}}}
    < {"XX_RMV_RSP":{"st":41}}
    > {"XX_CONTAINS":{T "keys":5}}
    < {"XX_CONTAINS_RSP":{"st":41}}
    > {"XX_CLEAR_SET":{T "keys":[]}}
    < {"XX_CLEAR_SET_RSP":{"st":41}}
  `,
  'values nest freely': String.raw`
    > {"XX_SET":{T "keys":{"person":{"name":"Jo","tags":["a",["b",{"c":[null,{}]}]],"address":{"city":"Bath"}}}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["person"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"person":{"name":"Jo","tags":["a",["b",{"c":[null,{}]}]],"address":{"city":"Bath"}}}}}
  `,
  'integers to 64 bits are unharmed': String.raw`
    > {"XX_SET":{T "keys":{"a":9007199254740993,"b":18446744073709551615,"c":-9223372036854775808,"d":[9223372036854775807]}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["a","b","c","d"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"a":9007199254740993,"b":18446744073709551615,"c":-9223372036854775808,"d":[9223372036854775807]}}}
  `,
  'integers above 2^64-1 come back as strings': String.raw`
    > {"XX_SET":{T "keys":{"a":18446744073709551616,"b":-9223372036854775809}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["a","b"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"a":"18446744073709551616","b":"-9223372036854775809"}}}
  `,
  'floats stay floats': String.raw`
    > {"XX_SET":{T "keys":{"a":1.0,"b":-0.0,"c":0.1,"d":1e300,"e":5e-324,"f":1E2}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["a","b","c","d","e","f"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"a":1.0,"b":-0.0,"c":0.1,"d":1e+300,"e":5e-324,"f":100.0}}}
  `,
  'text of any language': String.raw`
    > {"XX_SET":{T "keys":{"ключ":"значение","😀":"\ud83d\ude00","é\"\\":"\u0000\n\t/"}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["ключ","\ud83d\ude00","\u00e9\"\\"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"ключ":"значение","😀":"😀","é\"\\":"\u0000\n\t/"}}}
  `,
  'of a duplicated key the last value counts': String.raw`
    > {"XX_SET":{T "keys":{"a":1,"b":2,"a":3}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_GET":{T "keys":["a","b"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"a":3,"b":2}}}
  `,
  'FIND, of v0.8 and earlier': String.raw`
    > {"XX_SET":{T "keys":{"a":{"x":1,"y":{"x":2}},"b":{"x":5},"c":[1,2],"d":"text"}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_FIND":{T "path":"$.x","rsp":"keys"}}
    < {"XX_FIND_RSP":{"st":1,"keys":["a","b"]}}
    > {"XX_FIND":{T "path":"$..x","rsp":"paths","keys":["a"]}}
    < {"XX_FIND_RSP":{"st":1,"paths":["$['x']","$['y']['x']"]}}
    > {"XX_FIND":{T "path":"$.y","rsp":"kv"}}
    < {"XX_FIND_RSP":{"st":1,"keys":{"a":{"x":1,"y":{"x":2}}}}}
    > {"XX_FIND":{T "path":"$.nope","rsp":"kv"}}
    < {"XX_FIND_RSP":{"st":1,"keys":{}}}
    > {"XX_FIND":{T "path":"$[","rsp":"keys"}}
    < {"XX_FIND_RSP":{"st":4}}
    > {"XX_FIND":{T "path":"","rsp":"keys"}}
    < {"XX_FIND_RSP":{"st":42}}
    > {"XX_FIND":{T "path":"$.x","rsp":"other"}}
    < {"XX_FIND_RSP":{"st":13}}
    > {"XX_FIND":{T "rsp":"keys"}}
    < {"XX_FIND_RSP":{"st":26}}
  `,
  'UPDATE, of v0.8 and earlier': String.raw`
    # The path is a JSON pointer here; a JSONPath that names one place is taken for the same.
    > {"XX_SET":{T "keys":{"k":{"a":{"b":[1,2]}}}}}
    < {"XX_SET_RSP":{"st":1}}
    > {"XX_UPDATE":{T "key":"k","path":"/a/b/1","value":{"new":true}}}
    < {"XX_UPDATE_RSP":{"st":1,"cnt":1}}
    > {"XX_UPDATE":{T "key":"k","path":"$.a.b[0]","value":9}}
    < {"XX_UPDATE_RSP":{"st":1,"cnt":1}}
    > {"XX_UPDATE":{T "key":"k","path":"$['a']['nope']","value":1}}
    < {"XX_UPDATE_RSP":{"st":1,"cnt":0}}
    > {"XX_UPDATE":{T "key":"k","path":"/a/nope","value":1}}
    < {"XX_UPDATE_RSP":{"st":1,"cnt":0}}
    > {"XX_GET":{T "keys":["k"]}}
    < {"XX_GET_RSP":{"st":1,"keys":{"k":{"a":{"b":[9,{"new":true}]}}}}}
    > {"XX_UPDATE":{T "key":"nope","path":"/a","value":1}}
    < {"XX_UPDATE_RSP":{"st":22,"cnt":0}}
    > {"XX_UPDATE":{T "key":"k","path":"a","value":1}}
    < {"XX_UPDATE_RSP":{"st":4}}
    > {"XX_UPDATE":{T "key":"k","value":1}}
    < {"XX_UPDATE_RSP":{"st":26}}
  `,
};

/** Of sessions only. */
export const TOKENS: Table = {
  'a bad or absent token is 100, and the reply has nothing else': String.raw`
    > {"SH_SET":{"keys":{"a":1}}}
    < {"SH_SET_RSP":{"st":100}}
    > {"SH_ADD":{"tkn":<none>,"keys":{"a":1}}}
    < {"SH_ADD_RSP":{"st":100}}
    > {"SH_GET":{"tkn":<none>,"keys":["a"]}}
    < {"SH_GET_RSP":{"st":100}}
    > {"SH_GET_ALL":{"tkn":<none>}}
    < {"SH_GET_ALL_RSP":{"st":100}}
    > {"SH_RMV":{"tkn":<none>,"keys":["a"]}}
    < {"SH_RMV_RSP":{"st":100}}
    > {"SH_CONTAINS":{"tkn":<none>,"keys":["a"]}}
    < {"SH_CONTAINS_RSP":{"st":100}}
    > {"SH_KEYS":{"tkn":<none>}}
    < {"SH_KEYS_RSP":{"st":100}}
    > {"SH_COUNT":{"tkn":<none>}}
    < {"SH_COUNT_RSP":{"st":100}}
    > {"SH_CLEAR":{"tkn":<none>}}
    < {"SH_CLEAR_RSP":{"st":100}}
    > {"SH_CLEAR_SET":{"tkn":<none>,"keys":{}}}
    < {"SH_CLEAR_SET_RSP":{"st":100}}
    > {"SH_SET":{"tkn":"none","keys":{}}}
    < {"SH_SET_RSP":{"st":100}}
  `,
  'an unknown token starts no session': String.raw`
    > {"SH_SET":{"tkn":123,"keys":{"a":1}}}
    < {"SH_SET_RSP":{"st":100}}
    > {"SH_GET":{"tkn":123,"keys":["a"]}}
    < {"SH_GET_RSP":{"st":100}}
    > {"SH_INFO_ALL":{}}
    < {"SH_INFO_ALL_RSP":{"st":1,"totalSessions":0,"totalKeys":0}}
  `,
  'the KV map and the sessions are disjoint': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<B>,"id":<id>}}
    > {"KV_SET":{"keys":{"k":"global"}}}
    < {"KV_SET_RSP":{"st":1}}
    > {"SH_SET":{"tkn":<A>,"keys":{"k":"A"}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_GET":{"tkn":<B>,"keys":["k"]}}
    < {"SH_GET_RSP":{"st":1,"keys":{}}}
    > {"SH_CLEAR":{"tkn":<A>}}
    < {"SH_CLEAR_RSP":{"st":1,"cnt":1}}
    > {"KV_GET":{"keys":["k"]}}
    < {"KV_GET_RSP":{"st":1,"keys":{"k":"global"}}}
  `,
  'KV_X with a token is SH_X, and answered by its own name': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"KV_SET":{"tkn":<A>,"keys":{"k":1}}}
    < {"KV_SET_RSP":{"st":1}}
    > {"SH_GET":{"tkn":<A>,"keys":["k"]}}
    < {"SH_GET_RSP":{"st":1,"keys":{"k":1}}}
    > {"KV_COUNT":{}}
    < {"KV_COUNT_RSP":{"st":1,"cnt":0}}
    > {"KV_SET":{"tkn":<none>,"keys":{"k":1}}}
    < {"KV_SET_RSP":{"st":100}}
    > {"KV_SET":{"tkn":null,"keys":{"k":1}}}
    < {"KV_SET_RSP":{"st":100}}
  `,
};

/** Arrays and the quiet commands of old releases are no commands here. */
export const OF_OTHER_RELEASES: Table = {
  'KV_ARR_APPEND, KV_SETQ, KV_ADDQ, KV_APPEND': String.raw`
    > {"KV_ARR_APPEND":{"key":"k","items":[1]}}
    < {"ERR":{"st":10}}
    > {"KV_SETQ":{"keys":{"a":1}}}
    < {"ERR":{"st":10}}
    > {"KV_ADDQ":{"keys":{"a":1}}}
    < {"ERR":{"st":10}}
    > {"KV_APPEND":{"keys":{"a":1}}}
    < {"ERR":{"st":10}}
  `,
};

const START = '> {"SH_NEW":{}}\n< {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}\n';

/** The rows for one prefix, with or without a token in each body. */
export function keyCommands(prefix: 'SH_' | 'KV_', hasToken: boolean): Table {
  const [alone, first] = hasToken ? ['{"tkn":<A>}', '{"tkn":<A>,'] : ['{}', '{'];
  const rows = Object.entries(KEY_COMMANDS).map(([row, transcript]) => {
    const lines = transcript
      .replaceAll('XX_', prefix)
      .replaceAll('{T}', alone)
      .replaceAll('{T ', first);
    return [row, hasToken ? START + lines : lines];
  });
  return Object.fromEntries(rows) as Table;
}
