/** `sojourn/client`: all that users of the SDK import. */
export { connect, Client } from './client.js';
export type { NewSessionOptions, OpenSessionOptions } from './client.js';
export { DataMap } from './data-map.js';
export { DefaultMap } from './default-map.js';
export type { Found, KeyOf, Stored } from './data-map.js';
export { Session } from './session.js';
export type { SessionDescription } from './session.js';
export { METHODS, methodOf } from './methods.js';
export type { ClientOptions, ReconnectOptions, Timers } from './options.js';
export type { Expiry, ExpiryState } from '../protocol/value-types.js';
export * from './errors.js';
