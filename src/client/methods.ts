/**
 * Which method of the SDK sends which command. The compiler holds this table to the catalogue on
 * one side and to the classes on the other. A method of DataMap sends SH_ on a session and KV_ on
 * the default map.
 */
import type { CommandName } from '../protocol/catalogue.js';
import { Client } from './client.js';
import { DataMap } from './data-map.js';
import { DefaultMap } from './default-map.js';
import { Session } from './session.js';

type MethodName =
  | `Client.${keyof Client & string}`
  | `Session.${Exclude<keyof Session, keyof DataMap> & string}`
  | `DefaultMap.${Exclude<keyof DefaultMap, keyof DataMap> & string}`
  | `DataMap.${keyof DataMap & string}`;

export const METHODS = {
  SH_NEW: 'Client.newSession',
  SH_OPEN: 'Client.openSession',
  SH_END: 'Session.end',
  SH_END_ALL: 'Client.endAll',
  SH_EXISTS: 'Client.exists',
  SH_INFO: 'Session.info',
  SH_INFO_ALL: 'Client.infoAll',
  SH_TOUCH: 'Session.touch',
  SH_EXPIRE: 'Session.expire',
  SH_ROTATE: 'Session.rotate',
  SH_SET_OWNER: 'Session.setOwner',
  SH_LIST: 'Client.list',
  SH_END_ID: 'Client.endId',
  SH_WATCH: 'Session.watch',
  SH_UNWATCH: 'Session.unwatch',
  SH_SAVE: 'Client.save',
  SH_LOAD: 'Client.load',
  SH_SET: 'DataMap.set',
  SH_ADD: 'DataMap.add',
  SH_GET: 'DataMap.getMany',
  SH_GET_ALL: 'DataMap.getAll',
  SH_RMV: 'DataMap.remove',
  SH_CONTAINS: 'DataMap.contains',
  SH_KEYS: 'DataMap.keys',
  SH_COUNT: 'DataMap.count',
  SH_CLEAR: 'DataMap.clear',
  SH_CLEAR_SET: 'DataMap.clearSet',
  SH_INC: 'DataMap.inc',
  SH_TAKE: 'DataMap.take',
  SH_CAS: 'DataMap.cas',
  SH_UPDATE: 'DataMap.update',
  SH_FIND: 'DataMap.find',
  SH_BATCH: 'DataMap.batch',
  KV_SAVE: 'DefaultMap.save',
  KV_LOAD: 'DefaultMap.load',
  SV_INFO: 'Client.serverInfo',
  SV_PING: 'Client.ping',
  SV_AUTH: 'Client.auth',
  SV_STATS: 'Client.stats',
  SV_EVENTS: 'Client.events',
  SV_SNAPSHOT: 'Client.snapshot',
} as const satisfies Record<CommandName, MethodName>;

const CLASSES: Readonly<Record<string, { readonly prototype: object }>> = {
  Client,
  DataMap,
  DefaultMap,
  Session,
};

/** The function that sends a command; undefined if the table names one that is not there. */
export function methodOf(command: CommandName): unknown {
  const [className = '', methodName = ''] = METHODS[command].split('.');
  return Reflect.get(CLASSES[className]?.prototype ?? {}, methodName);
}
