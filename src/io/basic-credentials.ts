/** The header `Authorization: Basic base64(user:secret)` (RFC 7617). */
const FORM = /^basic +([\w+/-]*={0,2}) *$/i;

export interface Credentials {
  readonly name: string;
  readonly secret: string;
}

/** Undefined for other schemes, and for no header. What is no pair names nobody. */
export function basicCredentialsFrom(authorization: string): Credentials | undefined {
  if (!/^basic( |$)/i.test(authorization)) return undefined;
  const pair = Buffer.from(FORM.exec(authorization)?.[1] ?? '', 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 0) return { name: '', secret: '' };
  return { name: pair.slice(0, colon), secret: pair.slice(colon + 1) };
}
