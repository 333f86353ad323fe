/** nemesisdb-wire.md 2.4: session management. */
import type { Table } from '../../support/transcript.js';

export const SH_NEW: Table = {
  'without expiry': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":{"st":1,"tkn":<A>,"id":<id>,"shared":false,"keyCnt":0,"bytes":0,"created":<s>,"version":0,"expires":false}}
  `,
  'expiry: duration alone, the rest is false': String.raw`
    > {"SH_NEW":{"expiry":{"duration":60}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":{"st":1,"tkn":<A>,"id":<id>,"shared":false,"keyCnt":0,"bytes":0,"created":<s>,"version":0,"expires":true,"expiry":{"duration":60,"deleteSession":false,"extendOnSetAdd":false,"extendOnGet":false,"remaining":<s>}}}
  `,
  'expiry: all members': String.raw`
    > {"SH_NEW":{"expiry":{"duration":3600,"deleteSession":true,"extendOnSetAdd":true,"extendOnGet":true}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":{"st":1,"tkn":<A>,"id":<id>,"shared":false,"keyCnt":0,"bytes":0,"created":<s>,"version":0,"expires":true,"expiry":{"duration":3600,"deleteSession":true,"extendOnSetAdd":true,"extendOnGet":true,"remaining":<s>}}}
  `,
  'duration 0 never expires': String.raw`
    > {"SH_NEW":{"expiry":{"duration":0}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":{"st":1,"tkn":<A>,"id":<id>,"shared":false,"keyCnt":0,"bytes":0,"created":<s>,"version":0,"expires":false}}
    > {"SH_NEW":{"expiry":{"duration":0,"deleteSession":true}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<B>,"id":<id>}}
    > {"SH_COUNT":{"tkn":<B>}}
    < {"SH_COUNT_RSP":{"st":1,"cnt":0}}
  `,
  'errors: 26 no duration': String.raw`
    > {"SH_NEW":{"expiry":{}}}
    < {"SH_NEW_RSP":{"st":26}}
    > {"SH_NEW":{"expiry":{"deleteSession":true}}}
    < {"SH_NEW_RSP":{"st":26}}
  `,
  'errors: 41 bad type': String.raw`
    > {"SH_NEW":{"expiry":null}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"expiry":[]}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"expiry":60}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"expiry":{"duration":-5}}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_NEW":{"expiry":{"duration":true}}}
    < {"SH_NEW_RSP":{"st":41}}
  `,
  'a refused one starts nothing': String.raw`
    > {"SH_NEW":{"expiry":{}}}
    < {"SH_NEW_RSP":{"st":26}}
    > {"SH_INFO_ALL":{}}
    < {"SH_INFO_ALL_RSP":{"st":1,"totalSessions":0,"totalKeys":0}}
  `,
};

export const SH_END: Table = {
  'repeats the token': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_END":{"tkn":<A>}}
    < {"SH_END_RSP":{"st":1,"tkn":<A>}}
  `,
  unknown: String.raw`
    > {"SH_END":{"tkn":<none>}}
    < {"SH_END_RSP":{"st":100,"tkn":<none>}}
    > {"SH_END":{"tkn":12345}}
    < {"SH_END_RSP":{"st":100,"tkn":12345}}
    > {"SH_END":{"tkn":0}}
    < {"SH_END_RSP":{"st":100,"tkn":0}}
    > {"SH_END":{"tkn":18446744073709551615}}
    < {"SH_END_RSP":{"st":100,"tkn":18446744073709551615}}
  `,
  'missing or mistyped': String.raw`
    > {"SH_END":{}}
    < {"SH_END_RSP":{"st":100}}
    > {"SH_END":{"tkn":-1}}
    < {"SH_END_RSP":{"st":100}}
    > {"SH_END":{"tkn":"1"}}
    < {"SH_END_RSP":{"st":100}}
    > {"SH_END":{"tkn":1.5}}
    < {"SH_END_RSP":{"st":100}}
    > {"SH_END":{"tkn":{}}}
    < {"SH_END_RSP":{"st":100}}
  `,
  'ends at once whatever the expiry settings; keys are deleted': String.raw`
    > {"SH_NEW":{"expiry":{"duration":60,"deleteSession":false}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":1,"b":2}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_INFO_ALL":{}}
    < {"SH_INFO_ALL_RSP":{"st":1,"totalSessions":1,"totalKeys":2}}
    > {"SH_END":{"tkn":<A>}}
    < {"SH_END_RSP":{"st":1,"tkn":<A>}}
    > {"SH_GET":{"tkn":<A>,"keys":["a"]}}
    < {"SH_GET_RSP":{"st":100}}
    > {"SH_END":{"tkn":<A>}}
    < {"SH_END_RSP":{"st":100,"tkn":<A>}}
    > {"SH_INFO_ALL":{}}
    < {"SH_INFO_ALL_RSP":{"st":1,"totalSessions":0,"totalKeys":0}}
  `,
};

export const SH_END_ALL: Table = {
  'counts the sessions ended and does not touch the KV_ data': String.raw`
    > {"KV_SET":{"keys":{"stays":1}}}
    < {"KV_SET_RSP":{"st":1}}
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_NEW":{"expiry":{"duration":60}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<B>,"id":<id>}}
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<C>,"id":<id>}}
    > {"SH_END_ALL":{}}
    < {"SH_END_ALL_RSP":{"st":1,"cnt":3}}
    > {"SH_EXISTS":{"tkns":[<A>,<B>,<C>]}}
    < {"SH_EXISTS_RSP":{"st":1,"exist":[]}}
    > {"SH_END_ALL":{}}
    < {"SH_END_ALL_RSP":{"st":1,"cnt":0}}
    > {"KV_COUNT":{}}
    < {"KV_COUNT_RSP":{"st":1,"cnt":1}}
  `,
  'what it does not know of its body is ignored': String.raw`
    > {"SH_END_ALL":{"tkn":1,"keys":{}}}
    < {"SH_END_ALL_RSP":{"st":1,"cnt":0}}
  `,
};

export const SH_EXISTS: Table = {
  'in request order, duplicates repeated, others skipped': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<B>,"id":<id>}}
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<C>,"id":<id>}}
    > {"SH_EXISTS":{"tkns":[<C>,<none>,<A>,"x",-1,1.5,null,{},[<A>],<B>,<C>]}}
    < {"SH_EXISTS_RSP":{"st":1,"exist":[<C>,<A>,<B>,<C>]}}
  `,
  'an empty list is allowed': String.raw`
    > {"SH_EXISTS":{"tkns":[]}}
    < {"SH_EXISTS_RSP":{"st":1,"exist":[]}}
  `,
  'none of them': String.raw`
    > {"SH_EXISTS":{"tkns":[<none>,5]}}
    < {"SH_EXISTS_RSP":{"st":1,"exist":[]}}
  `,
  'errors: 26, 41': String.raw`
    > {"SH_EXISTS":{}}
    < {"SH_EXISTS_RSP":{"st":26}}
    > {"SH_EXISTS":{"tkns":5}}
    < {"SH_EXISTS_RSP":{"st":41}}
    > {"SH_EXISTS":{"tkns":null}}
    < {"SH_EXISTS_RSP":{"st":41}}
    > {"SH_EXISTS":{"tkns":{}}}
    < {"SH_EXISTS_RSP":{"st":41}}
  `,
};

export const SH_INFO: Table = {
  'unknown: nulls, and no expires': String.raw`
    > {"SH_INFO":{"tkn":<none>}}
    < {"SH_INFO_RSP":{"st":100,"tkn":<none>,"shared":null,"keyCnt":null}}
    > {"SH_INFO":{"tkn":1}}
    < {"SH_INFO_RSP":{"st":100,"tkn":1,"shared":null,"keyCnt":null}}
  `,
  mistyped: String.raw`
    > {"SH_INFO":{"tkn":-1}}
    < {"SH_INFO_RSP":{"st":100}}
    > {"SH_INFO":{"tkn":"1"}}
    < {"SH_INFO_RSP":{"st":100}}
    > {"SH_INFO":{"tkn":[]}}
    < {"SH_INFO_RSP":{"st":100}}
    > {"SH_INFO":{"other":1}}
    < {"SH_INFO_RSP":{"st":100}}
  `,
  'body must have exactly one member': String.raw`
    > {"SH_INFO":{}}
    < {"SH_INFO_RSP":{"st":13}}
    > {"SH_INFO":{"tkn":5,"more":1}}
    < {"SH_INFO_RSP":{"st":13}}
  `,
  'counts keys': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":1,"b":[1,2]}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":{"st":1,"tkn":<A>,"id":<id>,"shared":false,"keyCnt":2,"bytes":8,"created":<s>,"version":1,"expires":false}}
  `,
};

export const SH_INFO_ALL: Table = {
  'counts sessions and their keys': String.raw`
    > {"SH_INFO_ALL":{}}
    < {"SH_INFO_ALL_RSP":{"st":1,"totalSessions":0,"totalKeys":0}}
    > {"KV_SET":{"keys":{"not":"counted"}}}
    < {"KV_SET_RSP":{"st":1}}
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<B>,"id":<id>}}
    > {"SH_SET":{"tkn":<B>,"keys":{"a":1,"b":2,"c":3}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_INFO_ALL":{"body":"ignored"}}
    < {"SH_INFO_ALL_RSP":{"st":1,"totalSessions":2,"totalKeys":3}}
    > {"SH_CLEAR":{"tkn":<B>}}
    < {"SH_CLEAR_RSP":{"st":1,"cnt":3}}
    > {"SH_END":{"tkn":<A>}}
    < {"SH_END_RSP":{"st":1,"tkn":<A>}}
    > {"SH_INFO_ALL":{}}
    < {"SH_INFO_ALL_RSP":{"st":1,"totalSessions":1,"totalKeys":0}}
  `,
};

export const SV_INFO: Table = {
  'names version and persistence': String.raw`
    > {"SV_INFO":{}}
    < {"SV_INFO_RSP":{"st":1,"serverVersion":"0.1.0","persistEnabled":true,"protocol":1,"shards":2,"ioThreads":2,"uptime":<s>}}
  `,
};
