/** nemesisdb-wire.md 2.1, framing; and 2.2, the shape of errors. */
import type { Table } from '../../support/transcript.js';

export const FRAMING: Table = {
  'one text frame is one request with one response, in order': String.raw`
    > {"SV_PING":{}}
    > {"SH_NEW":{}}
    > {"KV_COUNT":{}}
    < {"SV_PING_RSP":{"st":1}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    < {"KV_COUNT_RSP":{"st":1,"cnt":0}}
  `,
  'white space makes no difference': String.raw`
    >  { "SV_PING" : { } }
    < {"SV_PING_RSP":{"st":1}}
  `,
  'the order of members makes no difference': String.raw`
    > {"SH_NEW":{}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":1}}}
    < {"SH_SET_RSP":{"st":1}}
    > {"SH_GET":{"keys":["a"],"tkn":<A>}}
    < {"SH_GET_RSP":{"st":1,"keys":{"a":1}}}
  `,
  'unknown members of a body are ignored': String.raw`
    > {"KV_SET":{"keys":{"a":1},"extra":[{}],"":null}}
    < {"KV_SET_RSP":{"st":1}}
    > {"SH_NEW":{"unknown":1}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_COUNT":{"tkn":<A>,"unknown":1}}
    < {"SH_COUNT_RSP":{"st":1,"cnt":0}}
    > {"SV_INFO":{"tkn":1,"keys":[]}}
    < {"SV_INFO_RSP":{"st":1,"serverVersion":"0.1.0","persistEnabled":true,"protocol":1,"shards":2,"ioThreads":2,"uptime":<s>}}
  `,
  'an id beside the command is repeated': String.raw`
    # Ours: in NemesisDB this was a second member, and 13.
    > {"id":7,"SV_PING":{}}
    < {"id":7,"SV_PING_RSP":{"st":1}}
    > {"KV_COUNT":{},"id":"x"}
    < {"id":"x","KV_COUNT_RSP":{"st":1,"cnt":0}}
  `,
};

export const FRAMING_ERRORS: Table = {
  'binary frame': String.raw`
    # JSON in a binary frame. Any other binary frame is the native dialect, and answered in it.
    b 7b2253485f4e4557223a7b7d7d
    < {"ERR":{"st":2}}
    > {"SV_PING":{}}
    < {"SV_PING_RSP":{"st":1}}
  `,
  'not JSON': String.raw`
    > {"SH_NEW":{}
    < {"ERR":{"st":3}}
    > SH_NEW
    < {"ERR":{"st":3}}
    > {"SH_NEW":{}}}
    < {"ERR":{"st":3}}
    > {'SH_NEW':{}}
    < {"ERR":{"st":3}}
    > {"SH_NEW":{},}
    < {"ERR":{"st":3}}
    > {"KV_SET":{"keys":{"a":01}}}
    < {"ERR":{"st":3}}
    > {"KV_SET":{"keys":{"a":NaN}}}
    < {"ERR":{"st":3}}
    > {"KV_SET":{"keys":{"a":"\x"}}}
    < {"ERR":{"st":3}}
  `,
  'empty frame': String.raw`
    >
    < {"ERR":{"st":3}}
  `,
  'JSON but not an object': String.raw`
    > []
    < {"ERR":{"st":13}}
    > 5
    < {"ERR":{"st":13}}
    > "SH_NEW"
    < {"ERR":{"st":13}}
    > null
    < {"ERR":{"st":13}}
    > [{"SH_NEW":{}}]
    < {"ERR":{"st":13}}
  `,
  'an empty object': String.raw`
    > {}
    < {"ERR":{"st":13}}
  `,
  'more than one member': String.raw`
    > {"SH_NEW":{},"SH_INFO_ALL":{}}
    < {"ERR":{"st":13}}
    > {"SH_NEW":{},"":1}
    < {"ERR":{"st":13}}
    > {"id":1,"SH_NEW":{},"SH_INFO_ALL":{}}
    < {"id":1,"ERR":{"st":13}}
  `,
  'a duplicated key counts once': String.raw`
    > {"SV_PING":{},"SV_PING":{}}
    < {"SV_PING_RSP":{"st":1}}
  `,
  'name has no _': String.raw`
    > {"FOO":{}}
    < {"FOO_RSP":{"st":13}}
    > {"":{}}
    < {"_RSP":{"st":13}}
  `,
  'body not an object': String.raw`
    > {"SH_NEW":[]}
    < {"SH_NEW_RSP":{"st":13}}
    > {"SH_NEW":null}
    < {"SH_NEW_RSP":{"st":13}}
    > {"SH_NEW":5}
    < {"SH_NEW_RSP":{"st":13}}
    > {"KV_SET":"keys"}
    < {"KV_SET_RSP":{"st":13}}
  `,
  'unknown SH_x': String.raw`
    > {"SH_NOPE":{}}
    < {"SH_NOPE_RSP":{"st":10}}
  `,
  'unknown KV_x': String.raw`
    > {"KV_NOPE":{}}
    < {"ERR":{"st":10}}
  `,
  'unknown prefix, unknown SV_x, lower case': String.raw`
    # Named after the command that was sent; LAST named the first such command of its life.
    > {"XX_NOPE":{}}
    < {"XX_NOPE_RSP":{"st":10}}
    > {"SV_NOPE":{}}
    < {"SV_NOPE_RSP":{"st":10}}
    > {"sh_new":{}}
    < {"sh_new_RSP":{"st":10}}
    > {"Sh_NEW":{}}
    < {"Sh_NEW_RSP":{"st":10}}
  `,
  'a larger frame than allowed': String.raw`
    # Ours: 204, and the connection stays. LAST dropped it.
    > {"KV_SET":{"keys":{"a":"<big>"}}}
    < {"KV_SET_RSP":{"st":204}}
    > {"KV_COUNT":{}}
    < {"KV_COUNT_RSP":{"st":1,"cnt":0}}
  `,
};

export const SHAPE_OF_ERRORS: Table = {
  'a known command: st only': String.raw`
    > {"SH_GET":{}}
    < {"SH_GET_RSP":{"st":26}}
    > {"SH_GET":{"keys":1}}
    < {"SH_GET_RSP":{"st":41}}
    > {"SH_RMV":{"keys":[]}}
    < {"SH_RMV_RSP":{"st":42}}
    > {"SH_GET":{"tkn":<none>,"keys":[]}}
    < {"SH_GET_RSP":{"st":100}}
    > {"SH_NEW":{"expiry":1}}
    < {"SH_NEW_RSP":{"st":41}}
    > {"SH_OPEN":{}}
    < {"SH_OPEN_RSP":{"st":26}}
    > {"SH_EXISTS":{}}
    < {"SH_EXISTS_RSP":{"st":26}}
    > {"SH_SAVE":{}}
    < {"SH_SAVE_RSP":{"st":26}}
  `,
  'an unknown or unparsable command: ERR': String.raw`
    > {"KV_FOO":{}}
    < {"ERR":{"st":10}}
    > {
    < {"ERR":{"st":3}}
  `,
};
