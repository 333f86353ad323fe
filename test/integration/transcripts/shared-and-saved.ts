/** nemesisdb-wire.md 2.7, shared sessions (releases up to 0.6.4); and 2.8, save and load. */
import type { Table } from '../../support/transcript.js';

export const SHARED_SESSIONS: Table = {
  'SH_NEW with name and shared': String.raw`
    > {"SH_NEW":{"name":"sh1","shared":true,"expiry":{"duration":60}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>,"name":"sh1"}}
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":{"st":1,"tkn":<A>,"id":<id>,"shared":true,"keyCnt":0,"bytes":0,"created":<s>,"version":0,"expires":true,"expiry":{"duration":60,"deleteSession":false,"extendOnSetAdd":false,"extendOnGet":false,"remaining":<s>}}}
  `,
  'name and shared are checked': String.raw`
    # Ours: a name is needed by shared sessions only, for LAST needs none.
    > {"SH_NEW":{"shared":true}}
    < {"SH_NEW_RSP":{"st":26}}
    > {"SH_NEW":{"name":5}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"name":"","shared":true}}
    < {"SH_NEW_RSP":{"st":42}}
    > {"SH_NEW":{"name":"x","shared":1}}
    < {"SH_NEW_RSP":{"st":41}}
  `,
  'not shared: two sessions of the same name differ, and the name cannot be opened': String.raw`
    > {"SH_NEW":{"name":"mine","shared":false}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>,"name":"mine"}}
    > {"SH_NEW":{"name":"mine"}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<B>,"id":<id>,"name":"mine"}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":1}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_COUNT":{"tkn":<B>}}
    < {"SH_COUNT_RSP":{"st":1,"cnt":0}}
    > {"SH_OPEN":{"name":"mine"}}
    < {"SH_OPEN_RSP":{"st":102,"tkn":null}}
  `,
  'creating an existing shared name is 103, with the token': String.raw`
    > {"SH_NEW":{"name":"sh2","shared":true}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>,"name":"sh2"}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":1}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_NEW":{"name":"sh2","shared":true}}
    < {"SH_NEW_RSP":{"st":103,"name":"sh2","tkn":<A>}}
    > {"SH_COUNT":{"tkn":<A>}}
    < {"SH_COUNT_RSP":{"st":1,"cnt":1}}
  `,
  SH_OPEN: String.raw`
    > {"SH_NEW":{"name":"default settings","shared":true}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>,"name":"default settings"}}
    > {"SH_OPEN":{"name":"default settings"}}
    < {"SH_OPEN_RSP":{"st":1,"tkn":<A>,"id":<id>,"created":false}}
    > {"SH_OPEN":{"name":"other settings"}}
    < {"SH_OPEN_RSP":{"st":102,"tkn":null}}
    > {"SH_OPEN":{}}
    < {"SH_OPEN_RSP":{"st":26}}
    > {"SH_OPEN":{"name":5}}
    < {"SH_OPEN_RSP":{"st":41}}
    > {"SH_OPEN":{"name":""}}
    < {"SH_OPEN_RSP":{"st":42}}
  `,
  'opening gives no ownership: any holder of the token may read, write, end': String.raw`
    > {"SH_NEW":{"name":"sh3","shared":true}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>,"name":"sh3"}}
    > {"SH_OPEN":{"name":"sh3"}}
    < {"SH_OPEN_RSP":{"st":1,"tkn":<A>,"id":<id>,"created":false}}
    > {"SH_END":{"tkn":<A>}}
    < {"SH_END_RSP":{"st":1,"tkn":<A>}}
    > {"SH_OPEN":{"name":"sh3"}}
    < {"SH_OPEN_RSP":{"st":102,"tkn":null}}
    > {"SH_NEW":{"name":"sh3","shared":true}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>,"name":"sh3"}}
  `,
};

export const SAVE_AND_LOAD: Table = {
  'SH_SAVE, SH_LOAD': String.raw`
    > {"SH_NEW":{"expiry":{"duration":600,"deleteSession":true}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":1,"b":[true]}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<B>,"id":<id>}}
    > {"SH_SET":{"tkn":<B>,"keys":{"c":1.0}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_SAVE":{"name":"both"}}
    < {"SH_SAVE_RSP":{"st":121,"name":"both","duration":<n>}}
    > {"SH_END_ALL":{}}
    < {"SH_END_ALL_RSP":{"st":1,"cnt":2}}
    > {"SH_LOAD":{"name":"both"}}
    < {"SH_LOAD_RSP":{"st":141,"name":"both","sessions":2,"keys":3}}
    > {"SH_GET":{"tkn":<A>,"keys":["a","b"]}}
    < {"SH_GET_RSP":{"st":1,"keys":{"a":1,"b":[true]}}}
    > {"SH_GET":{"tkn":<B>,"keys":["c"]}}
    < {"SH_GET_RSP":{"st":1,"keys":{"c":1.0}}}
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":{"st":1,"tkn":<A>,"id":<id>,"shared":false,"keyCnt":2,"bytes":7,"created":<s>,"version":1,"expires":true,"expiry":{"duration":600,"deleteSession":true,"extendOnSetAdd":false,"extendOnGet":false,"remaining":<s>}}}
  `,
  'SH_SAVE: only the sessions of tkns; unknown ones are skipped': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<B>,"id":<id>}}
    > {"SH_SAVE":{"name":"one","tkns":[<B>,<none>,5]}}
    < {"SH_SAVE_RSP":{"st":121,"name":"one","duration":<n>}}
    > {"SH_END_ALL":{}}
    < {"SH_END_ALL_RSP":{"st":1,"cnt":2}}
    > {"SH_LOAD":{"name":"one"}}
    < {"SH_LOAD_RSP":{"st":141,"name":"one","sessions":1,"keys":0}}
    > {"SH_EXISTS":{"tkns":[<A>,<B>]}}
    < {"SH_EXISTS_RSP":{"st":1,"exist":[<B>]}}
  `,
  'SH_SAVE: errors': String.raw`
    > {"SH_SAVE":{}}
    < {"SH_SAVE_RSP":{"st":26}}
    > {"SH_SAVE":{"name":5}}
    < {"SH_SAVE_RSP":{"st":41}}
    > {"SH_SAVE":{"name":"x","tkns":5}}
    < {"SH_SAVE_RSP":{"st":41}}
    > {"SH_SAVE":{"name":"x","tkns":[-1]}}
    < {"SH_SAVE_RSP":{"st":41}}
    > {"SH_SAVE":{"name":"x","tkns":[1.5]}}
    < {"SH_SAVE_RSP":{"st":41}}
    > {"SH_SAVE":{"name":"x","tkns":[]}}
    < {"SH_SAVE_RSP":{"st":42}}
    # Ours: names are checked. LAST wrote outside of its directory.
    > {"SH_SAVE":{"name":"../x"}}
    < {"SH_SAVE_RSP":{"st":42}}
    > {"SH_SAVE":{"name":""}}
    < {"SH_SAVE_RSP":{"st":42}}
  `,
  'SH_LOAD: tokens that live are left as they are and not counted': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":"saved"}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_SAVE":{"name":"living"}}
    < {"SH_SAVE_RSP":{"st":121,"name":"living","duration":<n>}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":"later"}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_LOAD":{"name":"living"}}
    < {"SH_LOAD_RSP":{"st":141,"name":"living","sessions":0,"keys":0}}
    > {"SH_GET":{"tkn":<A>,"keys":["a"]}}
    < {"SH_GET_RSP":{"st":1,"keys":{"a":"later"}}}
  `,
  'SH_LOAD: the newest set of the name': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":1}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_SAVE":{"name":"again"}}
    < {"SH_SAVE_RSP":{"st":121,"name":"again","duration":<n>}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":2,"b":3}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_SAVE":{"name":"again"}}
    < {"SH_SAVE_RSP":{"st":121,"name":"again","duration":<n>}}
    > {"SH_END":{"tkn":<A>}}
    < {"SH_END_RSP":{"st":1,"tkn":<A>}}
    > {"SH_LOAD":{"name":"again"}}
    < {"SH_LOAD_RSP":{"st":141,"name":"again","sessions":1,"keys":2}}
    > {"SH_GET":{"tkn":<A>,"keys":["a","b"]}}
    < {"SH_GET_RSP":{"st":1,"keys":{"a":2,"b":3}}}
  `,
  'SH_LOAD: errors': String.raw`
    > {"SH_LOAD":{}}
    < {"SH_LOAD_RSP":{"st":26}}
    > {"SH_LOAD":{"name":[]}}
    < {"SH_LOAD_RSP":{"st":41}}
    > {"SH_LOAD":{"name":"unknown"}}
    < {"SH_LOAD_RSP":{"st":142,"name":"unknown"}}
    > {"SH_LOAD":{"name":"../x"}}
    < {"SH_LOAD_RSP":{"st":42}}
  `,
  'SH_LOAD: a KV data set is 142 with zero counts': String.raw`
    > {"KV_SAVE":{"name":"of-keys"}}
    < {"KV_SAVE_RSP":{"st":121,"name":"of-keys","duration":<n>}}
    > {"SH_LOAD":{"name":"of-keys"}}
    < {"SH_LOAD_RSP":{"st":142,"name":"of-keys","sessions":0,"keys":0}}
  `,
  'an empty data set loads': String.raw`
    # LAST answered 142 and 140.
    > {"SH_SAVE":{"name":"empty-sessions"}}
    < {"SH_SAVE_RSP":{"st":121,"name":"empty-sessions","duration":<n>}}
    > {"SH_LOAD":{"name":"empty-sessions"}}
    < {"SH_LOAD_RSP":{"st":141,"name":"empty-sessions","sessions":0,"keys":0}}
    > {"KV_SAVE":{"name":"empty-keys"}}
    < {"KV_SAVE_RSP":{"st":121,"name":"empty-keys","duration":<n>}}
    > {"KV_LOAD":{"name":"empty-keys"}}
    < {"KV_LOAD_RSP":{"st":141,"name":"empty-keys","keys":0,"sessions":0,"duration":<n>}}
  `,
  'shared survives save and load': String.raw`
    > {"SH_NEW":{"name":"kept","shared":true}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>,"name":"kept"}}
    > {"SH_SAVE":{"name":"with-shared"}}
    < {"SH_SAVE_RSP":{"st":121,"name":"with-shared","duration":<n>}}
    > {"SH_END_ALL":{}}
    < {"SH_END_ALL_RSP":{"st":1,"cnt":1}}
    > {"SH_LOAD":{"name":"with-shared"}}
    < {"SH_LOAD_RSP":{"st":141,"name":"with-shared","sessions":1,"keys":0}}
    > {"SH_OPEN":{"name":"kept"}}
    < {"SH_OPEN_RSP":{"st":1,"tkn":<A>,"id":<id>,"created":false}}
  `,
  'KV_SAVE, KV_LOAD: overwrites existing keys, merges with the rest': String.raw`
    # A key with a quote made LAST's file unloadable.
    > {"KV_SET":{"keys":{"a":"saved","b\"":{"deep":[1]}}}}
    < {"KV_SET_RSP":{"st":1}}
    > {"KV_SAVE":{"name":"map"}}
    < {"KV_SAVE_RSP":{"st":121,"name":"map","duration":<n>}}
    > {"KV_CLEAR_SET":{"keys":{"a":"later","c":1}}}
    < {"KV_CLEAR_SET_RSP":{"st":1,"cnt":2}}
    > {"KV_LOAD":{"name":"map"}}
    < {"KV_LOAD_RSP":{"st":141,"name":"map","keys":2,"sessions":0,"duration":<n>}}
    > {"KV_GET":{"keys":["a","b\"","c"]}}
    < {"KV_GET_RSP":{"st":1,"keys":{"a":"saved","b\"":{"deep":[1]},"c":1}}}
  `,
  'KV_SAVE, KV_LOAD: errors': String.raw`
    > {"KV_SAVE":{}}
    < {"KV_SAVE_RSP":{"st":26}}
    > {"KV_SAVE":{"name":{}}}
    < {"KV_SAVE_RSP":{"st":41}}
    > {"KV_LOAD":{}}
    < {"KV_LOAD_RSP":{"st":26}}
    > {"KV_LOAD":{"name":5}}
    < {"KV_LOAD_RSP":{"st":41}}
    > {"KV_LOAD":{"name":"unknown"}}
    < {"KV_LOAD_RSP":{"st":142,"name":"unknown"}}
  `,
  'KV_LOAD: a session data set': String.raw`
    # Ours: 142. LAST answered 141 and had loaded nothing.
    > {"SH_SAVE":{"name":"of-sessions"}}
    < {"SH_SAVE_RSP":{"st":121,"name":"of-sessions","duration":<n>}}
    > {"KV_LOAD":{"name":"of-sessions"}}
    < {"KV_LOAD_RSP":{"st":142,"name":"of-sessions"}}
  `,
};

/** Of a server that keeps nothing on disk. */
export const WITHOUT_PERSISTENCE: Table = {
  'saving is 14, before any other check': String.raw`
    > {"SH_SAVE":{}}
    < {"SH_SAVE_RSP":{"st":14}}
    > {"SH_SAVE":{"name":"x"}}
    < {"SH_SAVE_RSP":{"st":14}}
    > {"KV_SAVE":{"name":5}}
    < {"KV_SAVE_RSP":{"st":14}}
  `,
  'loading is not: it finds no set': String.raw`
    > {"SH_LOAD":{}}
    < {"SH_LOAD_RSP":{"st":26}}
    > {"SH_LOAD":{"name":"x"}}
    < {"SH_LOAD_RSP":{"st":142,"name":"x"}}
    > {"KV_LOAD":{"name":"x"}}
    < {"KV_LOAD_RSP":{"st":142,"name":"x"}}
  `,
  'SV_INFO says so': String.raw`
    > {"SV_INFO":{}}
    < {"SV_INFO_RSP":{"st":1,"serverVersion":"0.1.0","persistEnabled":false,"protocol":1,"shards":1,"ioThreads":1,"uptime":<s>}}
  `,
};
