/**
 * nemesisdb-wire.md 2.6: expiry. Where LAST enforced deadlines by a sweep each five seconds, ours
 * are exact. Played under a clock that is moved by hand.
 */
import type { Table } from '../../support/transcript.js';

/** What is asked first of each row: a session of 10 s, and whether it deletes and extends. */
const START = (flags: string): string => `
    > {"SH_NEW":{"expiry":{"duration":10${flags}}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    > {"SH_SET":{"tkn":<A>,"keys":{"a":1,"b":2}}}
    < {"SH_SET_RSP":{"st":1}}`;

const DELETES = ',"deleteSession":true';
const ON_SET = `${DELETES},"extendOnSetAdd":true`;
const ON_GET = `${DELETES},"extendOnGet":true`;

/** The command, then whether the session lives at 15.5 s, having been used at 8 s. */
function extension(flags: string, command: string, reply: string, lives: boolean): string {
  const count = lives ? '{"st":1,"tkn":<A>' : '{"st":100,"tkn":<A>,"shared":null,"keyCnt":null}}';
  const rest = lives ? REST_OF_INFO : '';
  return `${START(flags)}
    + 8
    > ${command}
    < ${reply}
    + 7.5
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":${count}${rest}`;
}
const REST_OF_INFO =
  ',"id":<id>,"shared":false,"keyCnt":<n>,"bytes":<n>,"created":<s>,"version":<n>,"expires":true,' +
  '"expiry":{"duration":10,"deleteSession":true,"extendOnSetAdd":<b>,"extendOnGet":<b>,"remaining":<2.5>}}}';

const SET = '{"SH_SET":{"tkn":<A>,"keys":{"a":2}}}';
const ADD_NOTHING = '{"SH_ADD":{"tkn":<A>,"keys":{}}}';
const GET_ABSENT = '{"SH_GET":{"tkn":<A>,"keys":["nope"]}}';
const NOTHING_FOUND = '{"SH_GET_RSP":{"st":1,"keys":{}}}';

export const WHAT_RESTARTS_IT: Table = {
  'SH_SET, if extendOnSetAdd': extension(ON_SET, SET, '{"SH_SET_RSP":{"st":1}}', true),
  'SH_SET, if not': extension(ON_GET, SET, '{"SH_SET_RSP":{"st":1}}', false),
  'SH_ADD, even of {}': extension(ON_SET, ADD_NOTHING, '{"SH_ADD_RSP":{"st":1}}', true),
  'SH_ADD, if not': extension(DELETES, ADD_NOTHING, '{"SH_ADD_RSP":{"st":1}}', false),
  'SH_GET, even of absent keys': extension(ON_GET, GET_ABSENT, NOTHING_FOUND, true),
  'SH_GET, if not': extension(ON_SET, GET_ABSENT, NOTHING_FOUND, false),
  'a command that is refused restarts nothing': extension(
    ON_SET,
    '{"SH_SET":{"tkn":<A>}}',
    '{"SH_SET_RSP":{"st":26}}',
    false,
  ),
  // Ours: every writing command counts as one of SET and ADD, every reading one as GET.
  RMV: extension(
    ON_SET,
    '{"SH_RMV":{"tkn":<A>,"keys":["a"]}}',
    '{"SH_RMV_RSP":{"st":1,"cnt":1}}',
    true,
  ),
  CLEAR: extension(ON_SET, '{"SH_CLEAR":{"tkn":<A>}}', '{"SH_CLEAR_RSP":{"st":1,"cnt":2}}', true),
  CLEAR_SET: extension(
    ON_SET,
    '{"SH_CLEAR_SET":{"tkn":<A>,"keys":{}}}',
    '{"SH_CLEAR_SET_RSP":{"st":1,"cnt":2}}',
    true,
  ),
  COUNT: extension(ON_GET, '{"SH_COUNT":{"tkn":<A>}}', '{"SH_COUNT_RSP":{"st":1,"cnt":2}}', true),
  KEYS: extension(
    ON_GET,
    '{"SH_KEYS":{"tkn":<A>}}',
    '{"SH_KEYS_RSP":{"st":1,"keys":["a","b"]}}',
    true,
  ),
  CONTAINS: extension(
    ON_GET,
    '{"SH_CONTAINS":{"tkn":<A>,"keys":[]}}',
    '{"SH_CONTAINS_RSP":{"st":1,"contains":[]}}',
    true,
  ),
  'EXISTS never': extension(
    ON_GET,
    '{"SH_EXISTS":{"tkns":[<A>]}}',
    '{"SH_EXISTS_RSP":{"st":1,"exist":[<A>]}}',
    false,
  ),
};

export const ENFORCEMENT: Table = {
  'deleteSession true: session and keys go, the token is 100': `${START(DELETES)}
    + 9.999
    > {"SH_GET":{"tkn":<A>,"keys":["a"]}}
    < {"SH_GET_RSP":{"st":1,"keys":{"a":1}}}
    + 0.001
    # Exactly at the deadline, not up to five seconds later.
    > {"SH_GET":{"tkn":<A>,"keys":["a"]}}
    < {"SH_GET_RSP":{"st":100}}
    > {"SH_EXISTS":{"tkns":[<A>]}}
    < {"SH_EXISTS_RSP":{"st":1,"exist":[]}}
    > {"SH_END":{"tkn":<A>}}
    < {"SH_END_RSP":{"st":100,"tkn":<A>}}
    > {"SH_INFO_ALL":{}}
    < {"SH_INFO_ALL_RSP":{"st":1,"totalSessions":0,"totalKeys":0}}
  `,
  'an expired session cannot be rescued': `${START(ON_SET)}
    + 10
    > ${SET}
    < {"SH_SET_RSP":{"st":100}}
  `,
  'deleteSession false: keys go, the token stays, and again': `${START('')}
    + 10
    > {"SH_COUNT":{"tkn":<A>}}
    < {"SH_COUNT_RSP":{"st":1,"cnt":0}}
    > {"SH_SET":{"tkn":<A>,"keys":{"c":3}}}
    < {"SH_SET_RSP":{"st":1}}
    + 4.5
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":{"st":1,"tkn":<A>,"id":<id>,"shared":false,"keyCnt":1,"bytes":3,"created":<s>,"version":3,"expires":true,"expiry":{"duration":10,"deleteSession":false,"extendOnSetAdd":false,"extendOnGet":false,"remaining":<5.5>}}}
    + 5.5
    > {"SH_GET":{"tkn":<A>,"keys":["c"]}}
    < {"SH_GET_RSP":{"st":1,"keys":{}}}
    + 1000
    > {"SH_EXISTS":{"tkns":[<A>]}}
    < {"SH_EXISTS_RSP":{"st":1,"exist":[<A>]}}
    > {"SH_END":{"tkn":<A>}}
    < {"SH_END_RSP":{"st":1,"tkn":<A>}}
  `,
  'a restart is no addition: the new deadline is now + duration': `${START(ON_SET)}
    > ${SET}
    < {"SH_SET_RSP":{"st":1}}
    > ${SET}
    < {"SH_SET_RSP":{"st":1}}
    + 10
    > ${SET}
    < {"SH_SET_RSP":{"st":100}}
  `,
  'duration 0 never expires': `
    > {"SH_NEW":{"expiry":{"duration":0,"deleteSession":true}}}
    < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}}
    + 1000000
    > {"SH_COUNT":{"tkn":<A>}}
    < {"SH_COUNT_RSP":{"st":1,"cnt":0}}
  `,
  'SH_INFO never extends, and remaining is never negative': `${START(DELETES)}
    + 3.25
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":{"st":1,"tkn":<A>,"id":<id>,"shared":false,"keyCnt":2,"bytes":6,"created":<s>,"version":1,"expires":true,"expiry":{"duration":10,"deleteSession":true,"extendOnSetAdd":false,"extendOnGet":false,"remaining":<6.75>}}}
    + 6.75
    > {"SH_INFO":{"tkn":<A>}}
    < {"SH_INFO_RSP":{"st":100,"tkn":<A>,"shared":null,"keyCnt":null}}
  `,
};
